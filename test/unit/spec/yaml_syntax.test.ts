import * as assert from "uvu/assert";
import { suite } from "../../support/harness.js";
import { LEAST_VM_TEXT, vmProblems } from "./spec_texts.js";

const test = suite("YAML of both files", { timeoutMs: 10_000 });

const MIB = 1024 * 1024;

/** Subject, text, and where and what its first problem is. */
const REFUSED: readonly (readonly [string, string, string])[] = [
  ["an empty file", "", 'web1.yaml:1:1: the file is empty; start with a line such as "name: web1".'],
  ["a file of comments", "# nothing\n\n", "web1.yaml:1:1: the file is empty"],
  ["a file of null", "null", "web1.yaml:1:1: the file is empty"],
  ["a file of text", "hello", 'web1.yaml:1:1: the file holds "hello", not keys'],
  ["a list", "- a\n", "web1.yaml:1:1: the file holds a list, not keys"],
  ["a duplicate key", `${LEAST_VM_TEXT}name: b`, 'web1.yaml:3:1: duplicate key "name" in the file; remove one of the two.'],
  [
    "a duplicate key in a flow mapping",
    "name: a\nmachine: {memory: 1M, memory: 2M}",
    'web1.yaml:2:23: duplicate key "memory" in machine',
  ],
  ["an anchor", "name: &n a\n", "web1.yaml:1:7: anchors and aliases"],
  ["an alias", "name: *n\n", "web1.yaml:1:7: anchors and aliases"],
  ["an anchor on a key", "&k name: a\n", "web1.yaml:1:1: anchors and aliases"],
  ["an anchor on a block scalar", "name: &b |\n  a\n", "web1.yaml:1:7: anchors and aliases"],
  ["a merge key", `<<: {name: a}\n${LEAST_VM_TEXT}`, "web1.yaml:1:1: merge keys (<<) are not used"],
  ["a tag", "name: !!str a\n", "web1.yaml:1:7: tags (!name) are not used"],
  ["a local tag", "name: !a a\n", "web1.yaml:1:7: tags (!name) are not used"],
  ["a directive", "%YAML 1.1\n---\nname: a\n", "web1.yaml:1:1: directives (%YAML, %TAG) are not used"],
  ["a second document", `${LEAST_VM_TEXT}---\nname: b\n`, "web1.yaml:3:1: a second YAML document starts here"],
  ["a tab as indentation", "machine:\n\tmemory: 1M\n", "web1.yaml:2:1: Tabs are not allowed as indentation; indent with spaces."],
  ["an unclosed list", "require: [uid\n", "web1.yaml:2:1: Flow sequence"],
  ["an unclosed quote", 'name: "a\n', "web1.yaml:2:1: Missing closing"],
  ["a reserved sign", "name: @a\n", "web1.yaml:1:7: Plain value cannot start with reserved character @; put text in quotes"],
  ["a bad escape", 'name: "\\q"\n', "web1.yaml:1:8: Invalid escape sequence \\q; in double quotes write"],
  ["a collection as key", `${LEAST_VM_TEXT}? [a]\n: b\n`, "web1.yaml:3:3: a key of the file must be a word, not a collection"],
  ["an empty key", `${LEAST_VM_TEXT}: b\n`, "web1.yaml:3:1: a key of the file must be a word, not empty"],
  ["a number as key", `${LEAST_VM_TEXT}1: b\n`, "web1.yaml:3:1: a key of the file must be a word, not 1"],
  ["a NUL byte", "name: a\0b\n", "web1.yaml:1:8: the character U+0000 cannot stand in a text file"],
  ["an escape character", "name: \u001b[31m\n", "web1.yaml:1:7: the character U+001B cannot stand in a text file"],
  [
    "a lone surrogate as escape",
    `${LEAST_VM_TEXT}boot: {kernel: {file: "\\ud800"}}`,
    "web1.yaml:3:23: boot.kernel.file is not valid Unicode",
  ],
  ["a lone surrogate as such", "name: \ud800\n", "web1.yaml:1:7: the character U+D800 cannot stand"],
  ["2 MiB", "#".repeat(2 * MIB), "web1.yaml:1:1: larger than 1048576 bytes (1 MiB)"],
  ["16 lists in a mapping", "a: ".concat("[".repeat(16)), "web1.yaml:1:19: nested deeper than 16 levels"],
  [
    "15 lists in a mapping, not too deep",
    `a: ${"[".repeat(15)}${"]".repeat(15)}\n`,
    'web1.yaml:1:1: the file lacks the key "name"',
  ],
  ["block nesting of 17", "- ".repeat(18).concat("a"), "web1.yaml:1:33: nested deeper than 16 levels"],
  ["nesting of 17 after closing brackets", "]".repeat(20).concat("[".repeat(17)), "web1.yaml:1:37: nested deeper than 16 levels"],
  ["40,000 nested lists", "[".repeat(40_000), "web1.yaml:1:17: nested deeper than 16 levels"],
  ["40,000 nested block lists", "- ".repeat(20_000), "web1.yaml:1:33: nested deeper than 16 levels"],
  ["1 MiB of [", "[".repeat(MIB), "more than 50000 YAML tokens"],
  ["1 MiB of {", "{".repeat(MIB), "more than 50000 YAML tokens"],
  ["1 MiB of nested block lists", "- ".repeat(MIB / 2), "more than 50000 YAML tokens"],
  ["1 MiB of explicit keys", "? ".repeat(MIB / 2), "more than 50000 YAML tokens"],
  ["1 MiB of commas", "[".concat(",".repeat(MIB - 1)), "more than 50000 YAML tokens"],
  ["1 MiB of documents", "---\n".repeat(MIB / 4), "more than 50000 YAML tokens"],
  ["1 MiB of aliases", "- *a\n".repeat(MIB / 8), "more than 50000 YAML tokens"],
];

for (const [subject, text, expected] of REFUSED) {
  test(`YAML: ${subject}: refused with its place`, () => {
    const [line = ""] = vmProblems(text);
    assert.ok(line.includes(expected), line.slice(0, 300));
  });
}

test("YAML: 6,000 different keys cost linear time, not the square of it", () => {
  const startedMs = performance.now();
  const lines = vmProblems(Array.from({ length: 6000 }, (_, index) => `k${index}: 1\n`).join(""));
  assert.is(lines.length, 21);
  assert.ok(performance.now() - startedMs < 3000);
});

test("YAML: Windows line ends and a key after a wide character keep their places", () => {
  assert.match(vmProblems("name: a\r\nmachine: {memory: 1M}\r\nfoo: 1\r\n")[0] ?? "", /^web1.yaml:3:1: unknown key "foo"/);
  assert.match(vmProblems("name: a\nmachine: {memory: 1M, 'é': 1}\n")[0] ?? "", /^web1.yaml:2:23: unknown key "é"/);
});

test.run();
