import { suite as createUvuSuite } from "uvu";
import { type Body, runWithDeadline } from "./deadline.js";
import { findUnmetNeed, type Need } from "./needs.js";
import { TestFailure } from "./test_failure.js";
import { type TestResult, writeReport } from "./test_report.js";

export interface SuiteOptions {
  /** What the machine must have. An unmet need skips the suite's tests, and fails them in the full profile. */
  readonly needs?: readonly Need[];
  /** Longest time for each test and each hook, in ms. Default 5000. */
  readonly timeoutMs?: number;
}

/** Declares a test. Names are unique within a suite. There is no `only` and no `skip`. */
export interface TestSuite {
  (name: string, body: Body): void;
  /** Once, before the first test. When it fails every test fails. */
  before(hook: Body): void;
  /** Once, after the last test, also when `before` failed. Its failure counts as a failed test. */
  after(hook: Body): void;
  beforeEach(hook: Body): void;
  /** After each test, also after a failed one. */
  afterEach(hook: Body): void;
  /** Must be called, once, after the last test is declared. */
  run(): void;
}

interface SuiteRecord {
  readonly name: string;
  readonly needs: readonly Need[];
  readonly timeoutMs: number;
  readonly tests: Map<string, Body>;
  readonly hooks: Record<"before" | "after" | "beforeEach" | "afterEach", Body[]>;
  readonly results: TestResult[];
  running: boolean;
}

const DEFAULT_TIMEOUT_MS = 5000;

/** In this profile the machine is said to have everything, so an unmet need is a failure. */
const FULL_PROFILE = process.env["BULKHEAD_TEST_PROFILE"] === "full";

const suites: SuiteRecord[] = [];

/** Makes a suite that uvu runs and that cannot end green without having run: see test/unit/support/harness.test.ts. */
export function suite(name: string, options: SuiteOptions = {}): TestSuite {
  if (suites.some((other) => other.name === name)) throw new Error(`suite "${name}" is declared twice in one file`);
  const record: SuiteRecord = {
    name,
    needs: options.needs ?? [],
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    tests: new Map(),
    hooks: { before: [], after: [], beforeEach: [], afterEach: [] },
    results: [],
    running: false,
  };
  suites.push(record);
  return Object.assign((test: string, body: Body) => declareTest(record, test, body), {
    before: (hook: Body) => void record.hooks.before.push(hook),
    after: (hook: Body) => void record.hooks.after.push(hook),
    beforeEach: (hook: Body) => void record.hooks.beforeEach.push(hook),
    afterEach: (hook: Body) => void record.hooks.afterEach.push(hook),
    run: () => runSuite(record),
  });
}

function declareTest(record: SuiteRecord, test: string, body: Body): void {
  if (record.running) throw new Error(`test "${test}" is declared after the run() of suite "${record.name}"`);
  if (record.tests.has(test)) throw new Error(`test "${test}" is declared twice in suite "${record.name}"`);
  record.tests.set(test, body);
}

function runSuite(record: SuiteRecord): void {
  if (record.running) throw new Error(`suite "${record.name}" is run twice`);
  record.running = true;
  const unmet = findUnmetNeed(record.needs);
  if (unmet === null) {
    handToUvu(record);
    return;
  }
  const message = `unmet: ${unmet.need} (${unmet.reason})`;
  for (const test of record.tests.keys()) {
    record.results.push({ suite: record.name, test, outcome: FULL_PROFILE ? "failed" : "unmet", message, durationMs: 0 });
  }
}

/** uvu sees no hook that throws and no failure but TestFailure, so none of its early exits is taken. */
function handToUvu(record: SuiteRecord): void {
  const uvuSuite = createUvuSuite(record.name);
  let beforeFailure: Error | null = null;
  uvuSuite.before(() =>
    runHooks(record, "before").catch((error: Error) => {
      beforeFailure = error;
    }),
  );
  for (const [test, body] of record.tests) {
    uvuSuite(test, () =>
      recordOutcome(record, test, async () => {
        if (beforeFailure !== null) throw beforeFailure;
        await runTest(record, test, body);
      }),
    );
  }
  uvuSuite.after(() => runHooks(record, "after").catch((error: Error) => noteOutsideTest(record, error.message)));
  uvuSuite.run();
}

async function runTest(record: SuiteRecord, test: string, body: Body): Promise<void> {
  try {
    await runHooks(record, "beforeEach");
    await runWithDeadline(body, { what: `test "${test}"`, timeoutMs: record.timeoutMs });
  } catch (failure) {
    // The test's own failure is the one to show; a hook that fails after it is told beside it.
    await runHooks(record, "afterEach").catch((error: Error) => noteOutsideTest(record, error.message));
    throw failure;
  }
  await runHooks(record, "afterEach");
}

/** Rejects with a TestFailure that names the hook. */
async function runHooks(record: SuiteRecord, kind: keyof SuiteRecord["hooks"]): Promise<void> {
  for (const hook of record.hooks[kind]) {
    try {
      await runWithDeadline(hook, { what: `${kind} hook`, timeoutMs: record.timeoutMs });
    } catch (error) {
      throw new TestFailure(error, `${kind} hook`);
    }
  }
}

async function recordOutcome(record: SuiteRecord, test: string, body: Body): Promise<void> {
  const startedMs = performance.now();
  const result = { suite: record.name, test };
  try {
    await body();
  } catch (thrown) {
    const failure = thrown instanceof TestFailure ? thrown : new TestFailure(thrown);
    record.results.push({ ...result, outcome: "failed", message: failure.message, durationMs: performance.now() - startedMs });
    throw failure;
  }
  record.results.push({ ...result, outcome: "passed", durationMs: performance.now() - startedMs });
}

/** A failure that belongs to no one test is counted as one more failed test. */
function noteOutsideTest(record: SuiteRecord, message: string): void {
  record.results.push({ suite: record.name, test: "(outside any test)", outcome: "failed", message, durationMs: 0 });
  process.stderr.write(`suite "${record.name}": ${message}\n`);
}

/** What can be known only when the process ends: forgotten run(), empty suites, tests that never came back. */
function judgeAtExit(exitCode: number): void {
  for (const record of suites) {
    if (!record.running) noteOutsideTest(record, "was declared and never run: call .run() after its last test");
    else if (record.tests.size === 0) noteOutsideTest(record, "has no test");
    else nameUnfinishedTests(record, exitCode);
  }
  const results = suites.flatMap((record) => record.results);
  if (results.some(({ outcome }) => outcome === "failed")) process.exitCode = exitCode === 0 ? 1 : exitCode;
  writeReport(results);
}

function nameUnfinishedTests(record: SuiteRecord, exitCode: number): void {
  const ended = new Set(record.results.map(({ test }) => test));
  for (const test of record.tests.keys()) {
    if (!ended.has(test)) noteOutsideTest(record, `test "${test}" had not ended when the process exited with code ${exitCode}`);
  }
}

process.on("exit", judgeAtExit);
