import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { observeProcess } from "../../../src/observe/index.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";

const test = suite("threads of a process", { needs: ["root"], timeoutMs: 15_000 });
let directory: string;
let victim: ChildProcess | undefined;
/** So many that some meet a thread in the moment between giving up its tables and leaving the list: one in fifty did. */
const READINGS = 200;

test.before(() => {
  directory = mkdtempSync(join(tmpdir(), "bulkhead-thread-"));
});
test.after(() => {
  rmSync(directory, { recursive: true });
});

test.afterEach(() => void victim?.kill("SIGKILL"));

/** Compiles and starts a victim of test/support/victim, and waits for its first words. */
async function startVictim(name: string): Promise<number> {
  const program = join(directory, name);
  const source = join(repositoryRoot, `test/support/victim/${name}.c`);
  const compiled = spawnSync("cc", ["-O1", "-pthread", "-o", program, source], { encoding: "utf8" });
  assert.is(compiled.status, 0, compiled.stderr);
  const started = spawn(program, { stdio: ["ignore", "pipe", "inherit"] });
  victim = started;
  await new Promise((resolve) => started.stdout.once("data", resolve));
  return started.pid ?? 0;
}

test("a thread that unshared fds, paths and a namespace is told apart from its process", async () => {
  const threads = observeProcess(await startVictim("thread_apart"))?.threads ?? [];
  assert.equal(
    threads.map((thread) => thread.apart),
    [[], ["fds", "paths", "uts namespace"]],
  );
});

test("a thread that is on its way out is not taken for one that keeps something for itself", async () => {
  const pid = await startVictim("thread_churn");
  for (let reading = 0; reading < READINGS; reading += 1) {
    for (const thread of observeProcess(pid)?.threads ?? []) assert.equal(thread.apart, []);
  }
});

test("threads of an ordinary process keep nothing for themselves", () => {
  const threads = observeProcess(process.pid)?.threads ?? [];
  assert.ok(threads.length > 1);
  for (const thread of threads) assert.equal(thread.apart, []);
});

test.run();
