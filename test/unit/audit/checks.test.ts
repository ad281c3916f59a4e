import * as assert from "uvu/assert";
import { CHECKS, type Facts, type Judgement, NEEDS, runChecks, SEVERITIES } from "../../../src/audit/index.js";
import { FIXTURES } from "../../support/audit/fixtures.js";
import { closedProcess } from "../../support/audit/process_fixtures.js";
import { suite } from "../../support/harness.js";

const test = suite("checks of the audit");

const judge = (id: string, facts: Facts): Judgement =>
  runChecks(
    CHECKS.filter((check) => check.id === id),
    [facts],
  );

for (const { id, on } of CHECKS) {
  test(`${id}: its fixture is flagged, and its twin is not`, () => {
    const fixture = FIXTURES[id];
    assert.ok(fixture, `${id} has no fixture and twin in test/support/audit/`);
    const [flagged, twin] = [fixture.flagged(), fixture.twin()];
    assert.equal([flagged.kind, twin.kind], [on, on]);
    const found = judge(id, flagged);
    assert.ok(found.findings.length > 0, "the fixture is not flagged");
    for (const finding of found.findings) {
      assert.is(finding.id, id);
      for (const text of [finding.title, finding.subject, finding.evidence, finding.remedy]) assert.is.not(text.trim(), "");
    }
    assert.equal(judge(id, twin), { findings: [], unknown: [] });
  });
}

/** What is read of every process's own stat, which no kernel keeps from anybody. */
const OF_STAT = new Set(["process-terminal"]);

for (const { id, on } of CHECKS) {
  if (on !== "process" || OF_STAT.has(id)) continue;
  test(`${id}: what cannot be read is unknown, never fine`, () => {
    const { findings, unknown } = judge(id, closedProcess());
    assert.equal(findings, []);
    assert.ok(unknown.length > 0, id);
  });
}

test("every fixture is of a check that there is", () => {
  const ids = CHECKS.map(({ id }) => id);
  assert.equal(
    Object.keys(FIXTURES).filter((id) => !ids.includes(id)),
    [],
  );
  assert.is(new Set(ids).size, ids.length, "an id is given twice");
});

test("every check describes itself", () => {
  for (const { id, title, rationale, remedy, source, severity, needs } of CHECKS) {
    assert.match(id, /^[a-z0-9]+(-[a-z0-9]+)+$/);
    assert.ok(SEVERITIES.includes(severity), id);
    for (const need of needs) assert.ok(Object.hasOwn(NEEDS, need), `${id}: ${need}`);
    assert.not.match(title, /\.$/, `${id}: the title is a line, not a sentence`);
    for (const text of [rationale, remedy]) assert.match(text, /\.$/, `${id}: ${text}`);
    assert.is.not(source.trim(), "", id);
  }
});

test.run();
