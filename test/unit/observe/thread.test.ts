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

test.before(() => {
  directory = mkdtempSync(join(tmpdir(), "bulkhead-thread-"));
});
test.after(() => {
  victim?.kill("SIGKILL");
  rmSync(directory, { recursive: true });
});

test("a thread that unshared fds, paths and a namespace is told apart from its process", async () => {
  const program = join(directory, "thread_apart");
  const source = join(repositoryRoot, "test/support/victim/thread_apart.c");
  const compiled = spawnSync("cc", ["-O1", "-pthread", "-o", program, source], { encoding: "utf8" });
  assert.is(compiled.status, 0, compiled.stderr);
  victim = spawn(program, { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => victim?.stdout?.once("data", resolve));
  const threads = observeProcess(victim.pid ?? 0)?.threads ?? [];
  assert.equal(
    threads.map((thread) => thread.apart),
    [[], ["fds", "paths", "uts namespace"]],
  );
});

test("threads of an ordinary process keep nothing for themselves", () => {
  const threads = observeProcess(process.pid)?.threads ?? [];
  assert.ok(threads.length > 1);
  for (const thread of threads) assert.equal(thread.apart, []);
});

test.run();
