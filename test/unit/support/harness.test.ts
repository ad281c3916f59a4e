import { spawnSync } from "node:child_process";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../../support/harness.js";
import { buildRoot, repositoryRoot } from "../../support/repository.js";

const test = suite("test harness and runner", { timeoutMs: 30_000 });

interface Run {
  readonly status: number | null;
  readonly output: string;
  readonly lastLine: string;
}

/** `raw`: the fixture on uvu alone, as a plain Node program. `runner`: the fixture on the harness, through the runner. */
function runFixture(name: string, how: "raw" | "runner", env: NodeJS.ProcessEnv = {}): Run {
  const compiled = join(buildRoot, `test/support/fixtures/${name}.js`);
  if (how === "raw") return runNode([compiled], { ...env, HARNESS_FIXTURE: "raw" });
  // Long enough for every fixture but the one that never ends.
  return runNode(
    ["scripts/test/main.mjs", "--dist", buildRoot, "--deadline-ms", "3000", `test/support/fixtures/${name}.ts`],
    env,
  );
}

function runNode(args: readonly string[], env: NodeJS.ProcessEnv): Run {
  // The profile of the run that this test is part of must not decide what the fixtures do.
  const base = { ...process.env, BULKHEAD_TEST_PROFILE: undefined };
  const options = { cwd: repositoryRoot, env: { ...base, ...env }, encoding: "utf8", timeout: 20_000 } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, args, options);
  return { status, output: stdout + stderr, lastLine: stdout.trimEnd().split("\n").at(-1) ?? "" };
}

interface Hole {
  readonly fixture: string;
  /** What uvu alone answers: exit code 0 is the trap; null where the case has no raw counterpart. */
  readonly rawStatus: number | null;
  readonly counts: string;
  readonly says: RegExp;
}

const HOLES: readonly Hole[] = [
  { fixture: "before_throws", rawStatus: 0, counts: "0 passed, 1 failed", says: /before hook failed: nothing to test with/ },
  { fixture: "after_throws", rawStatus: null, counts: "1 passed, 1 failed", says: /after hook failed: left something behind/ },
  { fixture: "after_each_throws", rawStatus: 0, counts: "0 passed, 3 failed", says: /afterEach hook failed: cannot clean up/ },
  { fixture: "non_error_throw", rawStatus: 0, counts: "0 passed, 2 failed", says: /threw 'a string', which is not an Error/ },
  { fixture: "forgotten_run", rawStatus: 0, counts: "0 passed, 1 failed", says: /was declared and never run/ },
  { fixture: "empty_suite", rawStatus: 0, counts: "0 passed, 1 failed", says: /has no test/ },
  { fixture: "duplicate_name", rawStatus: 0, counts: "0 passed, 1 failed", says: /test "twice" is declared twice/ },
  { fixture: "late_test", rawStatus: 0, counts: "0 passed, 1 failed", says: /"too late" is declared after the run\(\)/ },
  { fixture: "slow_test", rawStatus: 0, counts: "0 passed, 1 failed", says: /test "waits" did not end within 100 ms/ },
  { fixture: "hanging_test", rawStatus: null, counts: "1 passed, 1 failed", says: /test "hangs" did not end within 100 ms/ },
  { fixture: "endless_test", rawStatus: null, counts: "0 passed, 1 failed", says: /did not end within 3000 ms and was killed/ },
  { fixture: "blocking_test", rawStatus: 0, counts: "0 passed, 1 failed", says: /test "spins" did not end within 100 ms/ },
  { fixture: "no_harness", rawStatus: 0, counts: "0 passed, 1 failed", says: /exited with code 0 without a report/ },
  { fixture: "no_tests", rawStatus: null, counts: "0 passed, 1 failed", says: /ran no test/ },
  {
    fixture: "early_exit",
    rawStatus: null,
    counts: "1 passed, 2 failed",
    says: /test "exits" had not ended when the process exited/,
  },
  { fixture: "killed", rawStatus: null, counts: "0 passed, 1 failed", says: /died of SIGKILL/ },
  { fixture: "stray_rejection", rawStatus: null, counts: "1 passed, 1 failed", says: /exited with code 1 though no test failed/ },
  { fixture: "unknown_need", rawStatus: null, counts: "0 passed, 1 failed", says: /no such need "roots"/ },
];

for (const { fixture, rawStatus, counts, says } of HOLES) {
  test(`${fixture}: red in the runner${rawStatus === 0 ? ", green on uvu alone" : ""}`, () => {
    if (rawStatus !== null) assert.is(runFixture(fixture, "raw").status, rawStatus, "uvu alone no longer shows the trap");
    const run = runFixture(fixture, "runner");
    assert.is(run.status, 1, run.output);
    assert.is(run.lastLine, `${counts}, 0 skipped`, run.output);
    assert.match(run.output, says);
  });
}

test("a stray only: green on uvu alone, and the harness offers neither only nor skip", () => {
  assert.is(runFixture("stray_only", "raw").status, 0);
  assert.equal(Object.keys(test).sort(), ["after", "afterEach", "before", "beforeEach", "run"]);
});

test("a file without faults is green, tests are counted, the counts are the last line", () => {
  const run = runFixture("passes", "runner");
  assert.is(run.status, 0, run.output);
  assert.is(run.lastLine, "2 passed, 0 failed, 0 skipped");
});

test("an unmet need is skipped with its reason, and alone makes the run red", () => {
  const run = runFixture("unmet_need", "runner", { PATH: "/nonexistent" });
  assert.is(run.status, 1, run.output);
  assert.is(run.lastLine, "0 passed, 0 failed, 1 skipped");
  assert.match(run.output, /skipped 1 of test\/support\/fixtures\/unmet_need\.ts: unmet: strace \(spawnSync strace ENOENT\)/);
});

test("an unmet need is a failure in the full profile", () => {
  const run = runFixture("unmet_need", "runner", { PATH: "/nonexistent", BULKHEAD_TEST_PROFILE: "full" });
  assert.is(run.status, 1, run.output);
  assert.is(run.lastLine, "0 passed, 1 failed, 0 skipped");
  assert.match(run.output, /unmet: strace/);
});

test("a name that is neither a kind nor a file is refused", () => {
  const run = runNode(["scripts/test/main.mjs", "--dist", buildRoot, "test/unit/absent.test.ts"], {});
  assert.is(run.status, 2, run.output);
  assert.match(run.output, /"test\/unit\/absent\.test\.ts" is neither a kind of test/);
});

test.run();
