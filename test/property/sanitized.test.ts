import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../support/harness.js";
import { OUR_DEVICES } from "../support/protocol/conformance_subjects.js";
import { fuzzing } from "../support/protocol/fuzzing.js";
import { buildRoot, repositoryRoot } from "../support/repository.js";

/** Each of the tests below takes up to 10 s on a busy machine, and as long as it was told by `npm run fuzz`. */
const { messages: MESSAGES, seed: SEED, timeoutMs } = fuzzing({ messages: 100_000, timeoutMs: 60_000 });
const test = suite("native code with sanitizers", { needs: ["sanitized-builds"], timeoutMs });

const FOLDER = join(repositoryRoot, "native/build/sanitized");
const FLOOD = join(FOLDER, "device_flood");

interface Ended {
  readonly status: number | string | null;
  readonly output: string;
}

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) => child.on("close", (code, signal) => resolve({ status: signal ?? code, output })));
}

async function flood(...program: readonly string[]): Promise<void> {
  const { status, output } = await run(FLOOD, [String(SEED), String(MESSAGES), ...program]);
  assert.is(status, 0, output);
  assert.match(output, /^\d+ messages in \d+ streams, [1-9]\d* refused, 0 fds more than before\n$/);
}

test(`the reference device takes ${MESSAGES} messages, refuses what it must, and reads and writes nothing else`, () => flood());

test(`a device in TypeScript takes ${MESSAGES} messages, refuses what it must, and holds nothing`, () =>
  flood(...OUR_DEVICES["DMA engine"]));

/**
 * Test files that go through the addon's channels and memory. None that spawns: a child shares its launcher's memory until exec
 * (docs/decisions/0001), on a stack that sanitizers know nothing of.
 */
const FILES = [
  "unit/protocol/channel",
  "unit/protocol/guest_memory",
  "unit/protocol/remote",
  "unit/protocol/device_proxy",
  "unit/kernel/passed_fd",
  "property/protocol",
];

/** The sanitizers' libraries, which are to be loaded before Node's own allocator is. */
function sanitizerLibraries(): string {
  return ["libasan.so", "libubsan.so"]
    .map((name) => spawnSync("g++", [`-print-file-name=${name}`], { encoding: "utf8" }).stdout.trim())
    .join(":");
}

for (const file of FILES) {
  test(`${file}: passes with the addon built with sanitizers`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "bulkhead-sanitized-"));
    const report = join(folder, "report.json");
    // Leaks are not looked for: Node frees nothing at its end.
    const env = {
      LD_PRELOAD: sanitizerLibraries(),
      ASAN_OPTIONS: "detect_leaks=0:exitcode=99",
      BULKHEAD_TEST_REPORT: report,
      BULKHEAD_TEST_FOLDER: folder,
    };
    const hook = join(buildRoot, "test/support/sanitized_addon.js");
    const { status, output } = await run(process.execPath, ["--import", hook, join(buildRoot, `test/${file}.test.js`)], env);
    assert.is(status, 0, output);
    const { results } = JSON.parse(readFileSync(report, "utf8")) as { results: { outcome: string; message?: string }[] };
    assert.ok(results.length > 0);
    assert.equal(
      results.filter(({ outcome }) => outcome !== "passed"),
      [],
    );
    rmSync(folder, { recursive: true });
  });
}

test.run();
