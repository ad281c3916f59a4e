import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { REPORT_FORMATS, renderReport } from "../../../src/compliance/report/render_report.js";
import { parseReport, reportJsonSchema } from "../../../src/compliance/report/report_schema.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";
import { HOSTILE, SAMPLE_TEXTS, sampleReport } from "./report_samples.js";

const test = suite("formats of compliance reports");
const render = (format: (typeof REPORT_FORMATS)[number], change = {}) => renderReport(sampleReport(change), format, SAMPLE_TEXTS);

test("published schema: is what the check is made from (else run: node scripts/generate_schemas.mjs)", () => {
  const published = readFileSync(join(repositoryRoot, "docs/schema/compliance-report.schema.json"), "utf8");
  assert.is(published, `${JSON.stringify(reportJsonSchema(), null, 2)}\n`);
});

test("JSON: a report reads back as it was, and one with another verdict or member is refused with its place", () => {
  assert.equal(parseReport(render("json"), "r.json"), sampleReport());
  const refused = (change: object) => {
    try {
      parseReport(JSON.stringify({ ...sampleReport(), ...change }), "r.json");
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error("it was accepted");
  };
  assert.match(refused({ profile: "none" }), /r\.json: profile/);
  assert.match(refused({ more: 1 }), /r\.json/);
  const [first, ...others] = sampleReport().controls;
  assert.match(refused({ controls: [{ ...first, verdict: "ok" }, ...others] }), /controls\.0\.verdict/);
});

test("every format carries kernel, modules, QEMU, libc, tool and each policy's hash", () => {
  const { host, tool } = sampleReport();
  for (const format of REPORT_FORMATS) {
    const text = render(format);
    for (const fact of [host.kernel, "landlock", host.qemu, host.libc, tool.version, ...Object.values(host.policies)]) {
      assert.ok(text.includes(fact), `${format} lacks ${fact}`);
    }
  }
});

test("an unmet control is skipped on a host and fails in the lab, a broken one is never passed", () => {
  const points = (profile: string) =>
    render("tap", { profile })
      .split("\n")
      .filter((line) => /^(not )?ok/.test(line))
      .map((line) => (line.includes("# SKIP") ? "skip" : line.startsWith("ok") ? "ok" : "not ok"));
  assert.equal(points("host"), ["ok", "not ok", "not ok", "skip"]);
  assert.equal(points("lab"), ["ok", "not ok", "not ok", "not ok"]);
  assert.match(render("junit"), 'tests="4" failures="1" errors="1" skipped="1"');
  assert.match(render("junit", { profile: "lab" }), 'tests="4" failures="2" errors="1" skipped="0"');
});

test("SARIF has the failures only, and every rule that was asked", () => {
  const [run] = JSON.parse(render("sarif")).runs;
  assert.equal(
    run.results.map(({ ruleId }: { ruleId: string }) => ruleId),
    ["SYS-01", "SYS-02"],
  );
  assert.equal(
    run.tool.driver.rules.map(({ id }: { id: string }) => id),
    ["SYS-01", "SYS-02", "SEL-01"],
  );
});

test("HTML: what a process printed is text, nothing is fetched, failures come first", () => {
  const page = render("html");
  assert.not.ok(page.includes("<script"));
  assert.ok(page.includes("&lt;script&gt;"));
  assert.not.ok(page.includes(HOSTILE));
  assert.not.match(page, /\b(src|href)=/);
  assert.match(page, "default-src 'none'");
  assert.ok(page.indexOf('<span class="failed">failed') < page.indexOf('<span class="passed">passed'));
});

test.run();
