import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import * as assert from "uvu/assert";
import { suite } from "../support/harness.js";
import { isRunning } from "../support/idle_vm.js";
import { cgroupMount, type MachineFixture, makeFixture } from "../support/machine_fixture.js";
import { buildRoot, repositoryRoot } from "../support/repository.js";
import { waitUntil } from "../support/run_command.js";

const test = suite("VMs that a test file leaves", {
  needs: ["root", "qemu-tcg", "user-namespaces", "cgroup-v2"],
  timeoutMs: 60_000,
});
let fixture: MachineFixture;

test.before(async () => {
  fixture = await makeFixture();
});
test.after(() => fixture.remove());

interface Left {
  readonly vms: readonly string[];
  readonly processes: readonly number[];
}

/** Runs a file that leaves two VMs; `interrupt` as soon as it has. */
async function runLeaving({ interrupt }: { readonly interrupt: boolean }) {
  const report = join(fixture.directory, `left-${interrupt}.json`);
  const args = ["scripts/test/main.mjs", "--dist", buildRoot, "--deadline-ms", "50000", "test/support/fixtures/left_vms.ts"];
  const env = { ...process.env, LEFT_VMS_REPORT: report, ...(interrupt ? { LEFT_VMS_WAIT: "1" } : {}) };
  const runner = spawn(process.execPath, args, { cwd: repositoryRoot, env, stdio: ["ignore", "pipe", "inherit"] });
  const closed = new Promise<string | null>((resolve) => runner.on("close", (_, signal) => resolve(signal)));
  const said = text(runner.stdout);
  if (interrupt) {
    await waitUntil(() => existsSync(report), "the two VMs", 45_000);
    runner.kill("SIGINT");
  }
  const signal = await closed;
  return { signal, said: await said, left: JSON.parse(readFileSync(report, "utf8")) as Left };
}

function assertEnded({ vms, processes }: Left): void {
  assert.is(processes.length, 6);
  assert.equal(processes.filter(isRunning), []);
  assert.equal(
    vms.filter((vm) => existsSync(`${cgroupMount()}/bulkhead/${vm}`)),
    [],
  );
}

test("a file that ends and leaves VMs fails, and they are ended", async () => {
  const { said, left } = await runLeaving({ interrupt: false });
  assertEnded(left);
  for (const vm of left.vms) assert.match(said, vm);
  assert.match(said, /left VMs that had to be ended/);
});

test("a runner that is interrupted ends the VMs of the file that it runs", async () => {
  const { signal, left } = await runLeaving({ interrupt: true });
  assert.is(signal, "SIGINT");
  assertEnded(left);
});

test.run();
