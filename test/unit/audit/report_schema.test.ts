import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { findReportFault, formatReport, reportJsonSchema } from "../../../src/audit/index.js";
import { sampleReport } from "../../support/audit/sample_report.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";

const test = suite("schema of the audit's report");

const OPTIONS = { version: "0", details: false, grants: true };
const printed = (): Record<string, unknown> =>
  JSON.parse(formatReport(sampleReport(), "json", OPTIONS)) as Record<string, unknown>;

test("published schema: is what the check is made from (else run: node scripts/generate_schemas.mjs)", () => {
  const published = readFileSync(join(repositoryRoot, "docs/schema/audit.schema.json"), "utf8");
  assert.is(published, `${JSON.stringify(reportJsonSchema(), null, 2)}\n`);
});

test("what is printed is what the schema describes", () => {
  const report = printed();
  assert.is(findReportFault(report), null);
  assert.is(report["schemaVersion"], 1);
  assert.is(report["target"], "sample");
  assert.type(report["exposure"], "number");
});

test("a report with a member too many, or with a severity that there is not, is none", () => {
  assert.is.not(findReportFault({ ...printed(), more: 1 }), null);
  assert.is.not(findReportFault({ ...printed(), unknown: undefined }), null);
  const text = formatReport(sampleReport(), "json", OPTIONS).replace('"severity": "critical"', '"severity": "grave"');
  assert.is.not(findReportFault(JSON.parse(text)), null);
});

test.run();
