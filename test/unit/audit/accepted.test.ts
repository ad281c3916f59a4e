import * as assert from "uvu/assert";
import {
  formatReport,
  makeReport,
  parseBaseline,
  parseExemptions,
  reportFails,
  type TargetFacts,
} from "../../../src/audit/index.js";
import { sampleFacts, sampleReport } from "../../support/audit/sample_report.js";
import { suite } from "../../support/harness.js";

const test = suite("what is accepted: exemptions and baselines");

const IDS = ["seccomp-arch-unchecked", "process-no-new-privs"];
const TODAY = "2026-11-22";
const read = (text: string) => parseExemptions({ file: "accepted.yaml", text, ids: IDS });
const entry = (expires: string, id = "seccomp-arch-unchecked"): string =>
  `exemptions:\n  - {id: ${id}, reason: "the vendor mends it", expires: ${expires}}\n`;
const idsOf = (text: string): string[] =>
  makeReport(sampleFacts(), { exemptions: read(text), baseline: null, today: TODAY }).findings.map(({ id }) => id);

test("an exemption of today takes its finding out, and no other", () => {
  assert.equal(idsOf(entry("2026-11-22")), ["process-no-new-privs"]);
  const { exempted } = makeReport(sampleFacts(), { exemptions: read(entry(TODAY)), baseline: null, today: TODAY });
  assert.equal(
    exempted.map(({ finding, exemption }) => [finding.id, exemption.location]),
    [["seccomp-arch-unchecked", { file: "accepted.yaml", line: 2, column: 5 }]],
  );
});

test("an expired one covers nothing, and is a finding itself", () => {
  assert.equal(idsOf(entry("2026-11-21")).sort(), ["exemption-expired", "process-no-new-privs", "seccomp-arch-unchecked"]);
});

test("one that nothing needs is a finding; so is one for another subject", () => {
  const text = `${entry("2027-01-01")}  - {id: process-no-new-privs, subject: "process 1 (init)", reason: r, expires: 2027-01-01}\n`;
  assert.equal(idsOf(text), ["process-no-new-privs", "exemption-unused"]);
});

for (const [what, text, message] of [
  [
    "an unknown check",
    entry("2027-01-01", "seccomp-arch-unchekced"),
    /accepted\.yaml:2:6: .*did you mean "seccomp-arch-unchecked"/,
  ],
  ["no reason", "exemptions:\n  - {id: process-no-new-privs, expires: 2027-01-01}\n", /accepted\.yaml:2:5: .*reason/],
  ["no day", entry("2026-02-30"), /is no day/],
  ["an unknown key", `${entry("2027-01-01")}more: 1\n`, /no key "more"/],
  ["no list", "exempt: []\n", /no list "exemptions"/],
  ["malformed YAML", "exemptions: [", /accepted\.yaml:1/],
] as const) {
  test(`an exemption file with ${what} is refused, with its place`, () => {
    assert.throws(
      () => read(text),
      (error: { code: string; message: string }) => {
        assert.is(error.code, "exemptions-invalid");
        assert.match(error.message, message);
        return true;
      },
    );
  });
}

function baselineOf(change: (text: string) => string = (text) => text) {
  return parseBaseline("old.json", change(formatReport(sampleReport(), "json", { version: "0", details: false, grants: false })));
}

function newFindings(facts: TargetFacts, baseline = baselineOf()): string[] {
  return makeReport(facts, { exemptions: [], baseline, today: TODAY }).findings.map(({ id }) => id);
}

test("a baseline hides what it has, and nothing that is graver or once more", () => {
  assert.equal(newFindings(sampleFacts()), []);
  const milder = baselineOf((text) => text.replace('"severity": "critical"', '"severity": "high"'));
  assert.equal(newFindings(sampleFacts(), milder), ["seccomp-arch-unchecked"]);
  const graver = baselineOf((text) => text.replace('"severity": "medium"', '"severity": "high"'));
  assert.equal(newFindings(sampleFacts(), graver), []);
  const { audited, ...rest } = sampleFacts();
  assert.equal(newFindings({ ...rest, audited: [...audited, ...audited.slice(0, 1)] }), ["seccomp-arch-unchecked"]);
});

for (const [what, text] of [
  ["no JSON", "{"],
  ["another version", '{"schemaVersion": 2, "findings": []}'],
  ["a finding without severity", '{"schemaVersion": 1, "findings": [{"id": "a", "subject": "b"}]}'],
  ["null", "null"],
] as const) {
  test(`a baseline that is ${what} is refused`, () => {
    assert.throws(
      () => parseBaseline("old.json", text),
      (error: { code: string }) => error.code === "baseline-malformed",
    );
  });
}

test("a report fails from the severity on that is asked for, and for unknowns where that is asked for", () => {
  const report = makeReport(sampleFacts(), { exemptions: read(entry(TODAY)), baseline: null, today: TODAY });
  assert.is(reportFails(report, { severity: "medium", unknown: false }), true);
  assert.is(reportFails(report, { severity: "high", unknown: false }), false);
  assert.is(reportFails(report, { severity: "high", unknown: true }), true);
});

test.run();
