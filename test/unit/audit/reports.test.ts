import * as assert from "uvu/assert";
import { CHECKS, fingerprint, formatReport, REPORT_FORMATS, type ReportFormat } from "../../../src/audit/index.js";
import { HOSTILE_NAME, sampleReport } from "../../support/audit/sample_report.js";
import { suite } from "../../support/harness.js";

const test = suite("formats of the audit's report");

const write = (format: ReportFormat, details = true): string =>
  formatReport(sampleReport(), format, { version: "0.1.0", details, grants: true });

for (const format of REPORT_FORMATS) {
  test(`${format}: what a process calls itself neither steers a terminal nor makes a line of its own`, () => {
    const text = write(format);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the subject.
    assert.not.match(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    assert.not.match(text, /^ok 1 - fine/m);
    assert.ok(text.endsWith("\n"));
  });
}

interface Sarif {
  readonly $schema: string;
  readonly version: string;
  readonly runs: readonly [
    {
      readonly tool: { readonly driver: { readonly name: string; readonly rules: readonly { readonly id: string }[] } };
      readonly invocations: readonly {
        readonly executionSuccessful: boolean;
        readonly toolExecutionNotifications: readonly object[];
      }[];
      readonly results: readonly SarifResult[];
    },
  ];
}

interface SarifResult {
  readonly ruleId: string;
  readonly ruleIndex: number;
  readonly level: string;
  readonly message: { readonly text: string };
  readonly locations: readonly {
    readonly physicalLocation?: {
      readonly artifactLocation: { readonly uri: string };
      readonly region: { readonly startLine: number };
    };
    readonly logicalLocations: readonly { readonly fullyQualifiedName: string }[];
  }[];
  readonly partialFingerprints: Readonly<Record<string, string>>;
}

test("sarif: one run whose results name their rule, their level and their place", () => {
  const { $schema, version, runs } = JSON.parse(write("sarif")) as Sarif;
  assert.equal([$schema.includes("sarif-2.1.0"), version, runs.length], [true, "2.1.0", 1]);
  const [{ tool, invocations, results }] = runs;
  assert.equal(
    tool.driver.rules.map(({ id }) => id),
    CHECKS.map(({ id }) => id),
  );
  assert.is(invocations[0]?.toolExecutionNotifications.length, 1);
  assert.is(results.length, sampleReport().findings.length);
  for (const result of results) {
    assert.is(tool.driver.rules[result.ruleIndex]?.id, result.ruleId);
    assert.ok(["none", "note", "warning", "error"].includes(result.level));
    assert.is.not(result.message.text, "");
    assert.match(Object.values(result.partialFingerprints)[0] ?? "", /^[0-9a-f]{64}$/);
  }
  const [place] = results.find(({ ruleId }) => ruleId === "seccomp-arch-unchecked")?.locations ?? [];
  assert.equal(place?.physicalLocation, {
    artifactLocation: { uri: "policies/my%20filter.bpf" },
    region: { startLine: 1 },
  });
  const [object] = results.find(({ ruleId }) => ruleId === "process-no-new-privs")?.locations ?? [];
  assert.is(object?.physicalLocation, undefined);
  assert.is(object?.logicalLocations[0]?.fullyQualifiedName, `process 4711 (${HOSTILE_NAME})`);
});

test("junit: well formed, counted, a case for each check", () => {
  const text = write("junit");
  const cases = [...text.matchAll(/<testcase [^>]*name="([a-z0-9-]+): /g)].map(([, id]) => id);
  assert.equal(cases, ["target-read", ...CHECKS.map(({ id }) => id)]);
  const [, tests, failures, errors] =
    /<testsuites name="bulkhead audit sample" tests="(\d+)" failures="(\d+)" errors="(\d+)" skipped="0">/.exec(text) ?? [];
  assert.is(Number(tests), (text.match(/<testcase /g) ?? []).length);
  const failed = text.split("<testcase ").filter((one) => one.includes("<failure ")).length;
  assert.equal([Number(failures), Number(errors)], [failed, 1]);
  assertWellFormed(text);
});

/** Every element is closed in order, and nothing but entities follows an ampersand. */
function assertWellFormed(xml: string): void {
  const open: string[] = [];
  for (const [, end, name = "", , empty] of xml.matchAll(/<(\/?)([a-z]+)((?: [a-z]+="[^"<]*")*)(\/?)>/g)) {
    if (end === "/") assert.is(open.pop(), name);
    else if (empty !== "/") open.push(name);
  }
  assert.equal(open, []);
  assert.not.match(xml.replace(/&(amp|lt|gt|quot|#39);/g, ""), /&/);
  assert.is(
    (xml.replace(/<\?[^>]*\?>/, "").match(/</g) ?? []).length,
    (xml.match(/<\/?[a-z]+(?: [a-z]+="[^"<]*")*\/?>/g) ?? []).length,
  );
}

test("tap: one plan, numbered in order, problems below their check", () => {
  const lines = write("tap").trimEnd().split("\n");
  assert.is(lines[0], "TAP version 14");
  assert.equal(
    lines.filter((line) => /^\d+\.\.\d+$/.test(line)),
    [`1..${CHECKS.length + 1}`],
  );
  const tests = lines.filter((line) => /^(not )?ok /.test(line));
  assert.equal(
    tests.map((line) => Number(/ok (\d+)/.exec(line)?.[1])),
    Array.from({ length: CHECKS.length + 1 }, (_, index) => index + 1),
  );
  assert.match(lines[3] ?? "", /^not ok 1 - bulkhead\.audit: target-read: the target was read/);
  assert.equal(
    lines.slice(2).filter((line) => !/^(not )?ok |^# | {2}/.test(line)),
    [],
  );
});

test("human: one screen says what is gravest first, and details all of it", () => {
  const screen = write("human", false);
  assert.match(screen, /^sample: exposure \d+\.\d of 10; findings: 1 critical, 1 medium; 1 unknown\n\nCRITICAL /);
  assert.ok(screen.indexOf("CRITICAL") < screen.indexOf("MEDIUM"));
  assert.match(screen, /UNKNOWN, which is not taken as fine:\n {2}filters of process 4711: ptrace: EPERM/);
  assert.match(write("human"), /EXPOSURE of process: \d/);
  assert.match(write("human"), /GRANTED\n {2}process: fd 0: null, r {2}\(web1\.yaml:6: standard input\)/);
});

test("fingerprints: the same for another pid, another for another object", () => {
  const of = (subject: string): string => fingerprint({ id: "process-no-new-privs", subject });
  assert.is(of("process 1 (qemu), thread 2"), of("process 3 (qemu), thread 4"));
  assert.is.not(of("process 1 (qemu)"), of("process 1 (bwrap)"));
});

test.run();
