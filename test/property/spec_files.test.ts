import fc from "fast-check";
import * as assert from "uvu/assert";
import { BulkheadError, SpecError } from "../../src/errors/index.js";
import { parseHostText, parseVmText } from "../../src/spec/index.js";
import { suite } from "../support/harness.js";
import { FULL_HOST_TEXT, FULL_VM_TEXT, HOST_ORIGIN, VM_ORIGIN } from "../unit/spec/spec_texts.js";

const test = suite("any input to the VM and host files", { timeoutMs: 20_000 });

/** Each property stops here, wherever it is; three of them stay within about 3 s. */
const PROPERTY_LIMIT_MS = 900;
const RUNS = { numRuns: 100_000, interruptAfterTimeLimit: PROPERTY_LIMIT_MS, markInterruptAsFailure: false };

/** Pieces of YAML that mean something to a parser or to these files. */
const FRAGMENTS = [
  ..."[]{}:,-?&*!|>%@`#'\"\\\n\r\t \0~<=.",
  "\n  ",
  ": ",
  "- ",
  "? ",
  "<<: ",
  "&a ",
  "*a",
  "!!str ",
  "!!map ",
  "---\n",
  "...\n",
  "%YAML 1.1\n",
  "null",
  "true",
  ".nan",
  "-.inf",
  "1e999",
  "0x1",
  "9007199254740993",
  "__proto__",
  "constructor",
  "\\ud800",
  "\u2028",
  "\ufeff",
  "é",
  "🚀",
  "name: ",
  "disk: ",
  "net: ",
  "devices:\n",
  "512M",
  "vmm",
  "c0-c9",
  "1-2",
];

/** A valid text with pieces cut out, copied elsewhere, or replaced by fragments. */
function mutationsOf(valid: string): fc.Arbitrary<string> {
  const edit = fc.record({
    at: fc.nat(valid.length),
    cut: fc.nat(40),
    put: fc.oneof(fc.constantFrom(...FRAGMENTS), fc.string({ maxLength: 8 }), pieceOf(valid)),
  });
  return fc.array(edit, { minLength: 1, maxLength: 6 }).map((edits) => {
    return edits.reduce((text, { at, cut, put }) => text.slice(0, at) + put + text.slice(at + cut), valid);
  });
}

function pieceOf(valid: string): fc.Arbitrary<string> {
  return fc.tuple(fc.nat(valid.length), fc.nat(80)).map(([start, length]) => valid.slice(start, start + length));
}

const soups = fc
  .array(fc.oneof(fc.constantFrom(...FRAGMENTS), fc.string({ maxLength: 4 }), fc.string({ unit: "binary", maxLength: 4 })), {
    maxLength: 200,
  })
  .map((parts) => parts.join(""));
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array).toString("latin1"));

/** What came of parsing: nothing, or the one kind of error that may come. */
function holds(parse: () => unknown, file: string): void {
  try {
    parse();
  } catch (error) {
    assert.instance(error, SpecError, `not a SpecError: ${error instanceof Error ? error.stack : String(error)}`);
    assert.instance(error, BulkheadError);
    const { exitCode, message } = error as SpecError;
    assert.is(exitCode, 2);
    const lines = message.split("\n");
    assert.ok(lines.length <= 21, message);
    assert.not.match(lines.join(""), /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u);
    for (const line of lines) assert.ok(line.startsWith(`${file}:`), line);
  }
}

test("mutations of a valid VM file: accepted or refused by a SpecError with places", () => {
  fc.assert(
    fc.property(mutationsOf(FULL_VM_TEXT), (text) => holds(() => parseVmText(text, VM_ORIGIN), VM_ORIGIN.file)),
    RUNS,
  );
});

test("mutations of a valid host file: accepted or refused by a SpecError with places", () => {
  fc.assert(
    fc.property(mutationsOf(FULL_HOST_TEXT), (text) => holds(() => parseHostText(text, HOST_ORIGIN), HOST_ORIGIN.file)),
    RUNS,
  );
});

test("random text and bytes: refused by a SpecError with places", () => {
  fc.assert(
    fc.property(fc.oneof(soups, bytes), (text) => holds(() => parseVmText(text, VM_ORIGIN), VM_ORIGIN.file)),
    RUNS,
  );
});

test.run();
