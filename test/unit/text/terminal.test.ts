import * as assert from "uvu/assert";
import { escapeControls, escapeLine, printableJson } from "../../../src/text/index.js";
import { suite } from "../../support/harness.js";

const test = suite("text of a guest on a person's terminal");

test("printable text of any script stays as it is", () => {
  for (const text of ["plain ~!", "größer", "日本語", "🚀", "a\tb\r\nc\n"]) assert.is(escapeControls(text), text);
});

test("each control character but tab, newline and carriage return is shown as its number", () => {
  for (let code = 0; code < 0xa0; code += 1) {
    const shown = escapeControls(String.fromCharCode(code));
    const isControl = code < 0x20 || code >= 0x7f;
    const stays = !isControl || [0x09, 0x0a, 0x0d].includes(code);
    assert.is(shown, stays ? String.fromCharCode(code) : `\\x${code.toString(16).padStart(2, "0")}`);
  }
});

test("escape sequences act no more: colour, title, clipboard, and in C1 form", () => {
  assert.is(escapeControls("\u001b[31mred"), "\\x1b[31mred");
  assert.is(escapeControls("\u001b]0;title\u0007"), "\\x1b]0;title\\x07");
  assert.is(escapeControls("\u009b2J"), "\\x9b2J");
});

test("characters that turn the direction of text are shown as their number", () => {
  assert.is(escapeControls("a\u202eb\u2066c\u2069"), "a\\u202eb\\u2066c\\u2069");
});

test("one line: newlines and carriage returns are shown as well", () => {
  assert.is(escapeLine("a\r\nb\u001b"), "a\\x0d\\x0ab\\x1b");
});

test("JSON: what acts on a terminal is an escape, and parses back to what it was", () => {
  const value = { "\u009b2J": ["\u007f", "\u202e\u2066\u200f\u061c\u2028", "\u001b[31m", "größer"] };
  const text = printableJson(value, 2);
  assert.not.match(text, /[^\n\x20-\x7eößü]/);
  assert.equal(JSON.parse(text), value);
  assert.match(text, '"\\\\u009b2J"'.replaceAll("\\\\", "\\"));
});

test.run();
