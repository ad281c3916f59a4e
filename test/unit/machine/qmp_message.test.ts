import * as assert from "uvu/assert";
import { LINE_BYTES_MAX, parseMessage } from "../../../src/machine/qmp_message.js";
import { suite } from "../../support/harness.js";

const test = suite("one line of a monitor");

function nested(depth: number): string {
  return `{"return":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
}

test("an object is taken as it is", () => {
  assert.equal(parseMessage(' {"return": {"a": [1]}, "id": 1}\r'), { return: { a: [1] }, id: 1 });
});

test("32 levels are taken, 33 are not", () => {
  assert.type(parseMessage(nested(32)), "object");
  assert.is(parseMessage(nested(33)), "a reply nested deeper than 32");
});

test("brackets in strings are not nesting, whatever is escaped before them", () => {
  const brackets = "[{".repeat(40);
  assert.equal(parseMessage(JSON.stringify({ return: brackets })), { return: brackets });
  assert.equal(parseMessage(JSON.stringify({ return: `\\"${brackets}\\` })), { return: `\\"${brackets}\\` });
  assert.is(parseMessage(`{"return": "\\\\", "b": ${"[".repeat(40)}`), "a reply nested deeper than 32");
});

test("brackets that close too often do not make room for more", () => {
  assert.is(parseMessage(`${"]".repeat(100)}${"[".repeat(40)}`), "a line that is not JSON");
});

test("a line at the limit is taken, a longer one is not", () => {
  const head = '{"return":"';
  const atLimit = `${head}${"x".repeat(LINE_BYTES_MAX - head.length - 2)}"}`;
  assert.type(parseMessage(atLimit), "object");
  assert.match(String(parseMessage(`${atLimit} `)), /longer than/);
});

test("a member __proto__ stays a member", () => {
  const message = parseMessage('{"__proto__": {"event": "SHUTDOWN"}}');
  assert.type(message, "object");
  assert.is((message as Record<string, unknown>)["event"], undefined);
});

test.run();
