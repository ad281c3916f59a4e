import * as assert from "uvu/assert";
import { type CaseReport, escapeMarkup, writeJunit, writeSarif, writeTap } from "../../../src/report/index.js";
import { suite } from "../../support/harness.js";

const test = suite("JUnit, TAP and SARIF");

const HOSTILE = `a "name" <b> & 'c' # d \\ \u0000\u001b[31m\nnext]]>`;

const REPORT: CaseReport = {
  name: "compliance",
  properties: { kernel: "6.1.0 <x>" },
  cases: [
    { group: "disk", name: "SYS-01 opens", outcome: "passed", message: "", details: [] },
    { group: "net", name: HOSTILE, outcome: "failed", message: HOSTILE, details: [HOSTILE, "second"] },
    { group: "disk", name: "SYS-02 waits", outcome: "skipped", message: "no SELinux", details: [] },
    { group: "disk", name: "SYS-03 hangs", outcome: "error", message: "no answer", details: [] },
  ],
};

test("JUnit: counts are those of the cases, by group and in all, and no text of a case is markup", () => {
  const xml = writeJunit(REPORT);
  assert.match(xml, '<testsuites name="compliance" tests="4" failures="1" errors="1" skipped="1">');
  assert.match(xml, '<testsuite name="disk" tests="3" failures="0" errors="1" skipped="1">');
  assert.match(xml, '<testsuite name="net" tests="1" failures="1" errors="0" skipped="0">');
  assert.match(xml, '<skipped message="no SELinux"/>');
  assert.match(xml, '<error message="no answer"/>');
  // Without quoted values, every tag left is one of the format's, and they are balanced.
  const bare = xml.replace(/"[^"]*"/g, '""');
  const tags = [...bare.matchAll(/<(\/?)([a-z-]+)[^<>]*?(\/?)>/g)];
  const open: string[] = [];
  for (const [, closes, tag = "", empty] of tags) {
    if (closes === "/") assert.is(open.pop(), tag);
    else if (empty === "") open.push(tag);
  }
  assert.equal(open, []);
  assert.equal(bare.replace(/<\/?[a-z-]+[^<>]*>|<\?[^>]*\?>/g, "").includes("<"), false);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: no document may hold them.
  assert.not.match(xml, /[\u0000\u001b]/);
});

test("TAP: one plan that is right, one line for each case, and no text of a case is a directive or a line", () => {
  const lines = writeTap(REPORT).trimEnd().split("\n");
  assert.equal(lines.slice(0, 2), ["TAP version 14", "1..4"]);
  const points = lines.filter((line) => /^(not )?ok /.test(line));
  assert.equal(
    points.map((line) => line.replace(/ - .*/, "")),
    ["ok 1", "not ok 2", "ok 3", "not ok 4"],
  );
  assert.equal(
    points.map((line) => / # SKIP /.test(line)),
    [false, false, true, false],
  );
  assert.not.match(points[1] ?? "", /[^\\]#/);
});

test("SARIF: each result names its rule by id and place, and stands at a file's line or at its subject", () => {
  const rule = (id: string) => ({ id, title: "t", why: "w", remedy: "r" });
  const sarif = writeSarif({
    tool: { name: "bulkhead", version: "1" },
    rules: [rule("A"), rule("B")],
    findings: [
      { ruleId: "B", level: "error", message: HOSTILE, subject: "disk" },
      { ruleId: "A", level: "note", message: "m", subject: "net", location: { file: "a b/c.yaml", line: 3, column: 5 } },
    ],
    properties: { kernel: "6" },
  });
  const [run] = JSON.parse(sarif).runs;
  assert.equal(
    run.results.map((one: { ruleId: string; ruleIndex: number }) => [one.ruleId, run.tool.driver.rules[one.ruleIndex].id]),
    [
      ["B", "B"],
      ["A", "A"],
    ],
  );
  assert.is(run.results[0].message.text, HOSTILE);
  assert.is(run.results[0].locations[0].logicalLocations[0].fullyQualifiedName, "disk");
  const { physicalLocation } = run.results[1].locations[0];
  assert.equal(physicalLocation, { artifactLocation: { uri: "a%20b/c.yaml" }, region: { startLine: 3, startColumn: 5 } });
});

test("markup: what no XML document may hold is replaced, whole characters beyond the base plane stay", () => {
  assert.is(escapeMarkup("\u{1f600}\ud800x\u0007"), "\u{1f600}\ufffdx\ufffd");
});

test.run();
