import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import * as assert from "uvu/assert";
import { IntrusionError } from "../../src/errors/index.js";
import { type Ending, findRun, launch, openDirectories, type RunningMachine } from "../../src/index.js";
import { eventsOf } from "../support/event_reading.js";
import { suite } from "../support/harness.js";
import { isRunning } from "../support/idle_vm.js";
import { demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { Provoker } from "../support/provoke.js";
import { runBulkhead, startBulkhead, waitUntil } from "../support/run_command.js";

const test = suite("a process that dies", { needs: ["root", "qemu-tcg", "user-namespaces"], timeoutMs: 60_000 });
/** Which call killed a process, and that it was abort()'s, only the kernel's log tells. */
const told = suite("a process whose death the kernel's log explains", {
  needs: ["root", "qemu-tcg", "user-namespaces", "audit"],
  timeoutMs: 60_000,
});

/** ptrace(2), which no role may call: asm/unistd_64.h. */
const PTRACE_CALL = 101;

let fixture: MachineFixture;
let provoker: Provoker;
for (const each of [test, told]) {
  each.before(async () => {
    fixture = await makeFixture();
    provoker = new Provoker();
  });
  each.after(() => {
    provoker.remove();
    return fixture.remove();
  });
  each.afterEach(() => assert.equal(fixture.leftovers(), []));
}

async function start(name: string, more = ""): Promise<RunningMachine> {
  return launch(await fixture.request(demoVmText({ name, disks: "blank", more })));
}

/** Ends a process of the VM and tells how the VM ended, and how long that took. */
async function endingAfter(
  machine: RunningMachine,
  id: string,
  end: (pid: number) => void,
): Promise<Ending & { afterMs: number }> {
  const begin = performance.now();
  end(machine.pids.get(id) as number);
  return { ...(await machine.ended), afterMs: performance.now() - begin };
}

test("a device that is killed ends the VM; the end is noticed, told and cleaned up within the grace of its followers", async () => {
  const machine = await start(vmName("death-kill"));
  const ending = await endingAfter(machine, "net0", (pid) => process.kill(pid, "SIGKILL"));
  assert.equal([ending.reason, ending.process], ["device-died", "net0"]);
  assert.ok(ending.afterMs < 3000, `ended after ${ending.afterMs} ms`);
  assert.equal(
    eventsOf(fixture, vmName("death-kill"), "end").map(({ reason, exitCode }) => [reason, exitCode]),
    [["device-died", 4]],
  );
});

test("onDeviceExit: pause tells the event, and a stop ends the VM with the death as its cause", async () => {
  const machine = await start(vmName("death-pause"), "onDeviceExit: pause");
  process.kill(machine.pids.get("net0") as number, "SIGKILL");
  await waitUntil(() => eventsOf(fixture, vmName("death-pause"), "pause").length === 1, "pause");
  await machine.stop();
  assert.equal([(await machine.ended).reason, (await machine.ended).process], ["device-died", "net0"]);
});

test("a device that is killed instead of following the guest's shutdown died, exit code 4", async () => {
  const output = new PassThrough();
  const stdio = { kind: "stream", output, input: null, escape: false } as const;
  const text = demoVmText({ name: vmName("death-follow"), disks: "demo" });
  const machine = await launch(await fixture.request(text, { stdio }));
  const pidOf = (id: string): number => machine.pids.get(id) as number;
  // The firmware is past it, and the boot program does not need it: it only cannot follow.
  output.once("data", () => process.kill(pidOf("net0"), "SIGSTOP"));
  await waitUntil(() => !isRunning(pidOf("vmm")), "the guest's shutdown", 30_000);
  process.kill(pidOf("net0"), "SIGKILL");
  const { reason, process: cause, exitCode, detail } = await machine.ended;
  assert.equal([reason, cause, exitCode], ["device-died", "net0", 4], detail);
  assert.match(detail, '"net0" died of SIGKILL');
});

test("a device that is killed while the VM is stopped: its death is told, and the stop goes on", async () => {
  const machine = await start(vmName("death-stop"));
  void machine.stop();
  process.kill(machine.pids.get("net0") as number, "SIGKILL");
  const { reason, process: cause, exitCode } = await machine.ended;
  assert.equal([reason, cause, exitCode], ["device-died", "net0", 4]);
  assert.is(eventsOf(fixture, machine.plan.vm, "death").length, 1);
});

test.run();

for (const id of ["disk1", "vmm"]) {
  told(`${id} makes a call that its policy does not grant: an intrusion, and the call is named`, async () => {
    const machine = await start(vmName(`death-call-${id}`));
    const ending = await endingAfter(machine, id, (pid) => provoker.call(pid, PTRACE_CALL));
    assert.equal([ending.reason, ending.process, ending.exitCode], ["intrusion", id, 5]);
    assert.match(ending.detail, `"${id}" died of SIGSYS: its seccomp filter refused ptrace`);
    assert.equal(
      eventsOf(fixture, machine.plan.vm, "intrusion").map(({ process, syscall }) => [process, syscall]),
      [[id, "ptrace"]],
    );
  });
}

for (const step of ["attach", "verify"] as const) {
  told(
    `a refused call at the step ${step}, before the guest runs: the launch fails as an intrusion, exit code 5, and it is an event`,
    async () => {
      const name = vmName(`death-early-${step}`);
      const request = await fixture.request(demoVmText({ name, disks: "blank" }), {
        onStep: (begun) => {
          if (begun !== step) return;
          const disk1 = findRun(openDirectories(fixture.environment), name)?.processes.find(({ id }) => id === "disk1");
          provoker.call(disk1?.pid ?? 0, PTRACE_CALL);
        },
      });
      const error = await launch(request).catch((failure: unknown) => failure);
      assert.instance(error, IntrusionError);
      const { exitCode, subject, message } = error as IntrusionError;
      assert.equal([exitCode, subject], [5, "disk1"]);
      assert.match(message, "it died of SIGSYS: its seccomp filter refused ptrace");
      assert.equal(
        eventsOf(fixture, name, "intrusion").map(({ process, syscall }) => [process, syscall]),
        [["disk1", "ptrace"]],
      );
    },
  );
}

told("a device that calls abort() died, and is no intrusion", async () => {
  const machine = await start(vmName("death-abort"));
  const ending = await endingAfter(machine, "disk1", (pid) => provoker.abort(pid));
  assert.equal([ending.reason, ending.process, ending.exitCode], ["device-died", "disk1", 4], ending.detail);
  assert.match(ending.detail, '"disk1" died of abort()');
  assert.is(eventsOf(fixture, vmName("death-abort"), "death").length, 1);
  assert.equal(eventsOf(fixture, vmName("death-abort"), "intrusion"), []);
});

told("bulkhead run: an intrusion exits with 5 and says which call of which process", async () => {
  await writeFile(
    join(fixture.directory, `${vmName("death-run")}.yaml`),
    demoVmText({ name: vmName("death-run"), disks: "blank" }),
  );
  const command = startBulkhead(["run", `${vmName("death-run")}.yaml`], fixture);
  const pidOf = async (): Promise<number> => {
    const listed = JSON.parse((await runBulkhead(["ps", "--json"], fixture)).stdout) as {
      vm: string;
      state: string;
      processes: { id: string; pid: number }[];
    }[];
    const vm = listed.find((entry) => entry.vm === vmName("death-run") && entry.state === "running");
    return vm?.processes.find(({ id }) => id === "disk0")?.pid ?? 0;
  };
  await waitUntil(async () => (await pidOf()) !== 0, "VM running");
  provoker.call(await pidOf(), PTRACE_CALL);
  const result = await command.finished;
  assert.is(result.exitCode, 5, result.stderr);
  assert.match(result.stderr, 'process "disk0" died of SIGSYS: its seccomp filter refused ptrace');
});

told.run();
