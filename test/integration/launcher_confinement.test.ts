import { existsSync, readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { launch } from "../../src/index.js";
import { eventsOf } from "../support/event_reading.js";
import { suite } from "../support/harness.js";
import { demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { Provoker } from "../support/provoke.js";
import { type RunningCommand, runBulkhead, startBulkhead, waitUntil } from "../support/run_command.js";

const test = suite("the launcher while its VM runs", { needs: ["root", "qemu-tcg", "user-namespaces"], timeoutMs: 60_000 });

const told = suite("a confined launcher, asked for the cause of a death", {
  needs: ["root", "qemu-tcg", "user-namespaces", "audit"],
  timeoutMs: 60_000,
});

/** Numbers of asm/unistd_64.h. */
const CALLS = { execve: 59, ptrace: 101, mount: 165, bpf: 321 } as const;

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

/** Starts a VM by the command and waits until its launcher has confined itself, or runs it as it is. */
async function start(name: string, ...options: readonly string[]): Promise<RunningCommand> {
  await writeFile(join(fixture.directory, `${name}.yaml`), demoVmText({ name, disks: "blank" }));
  const command = startBulkhead(["run", ...options, `${name}.yaml`], fixture);
  const awaited = options.includes("--keep-privileges") ? "running" : "launcher-confined";
  await waitUntil(() => eventsOf(fixture, name, awaited).length === 1, `event ${awaited}`);
  return command;
}

/** The value of one line of /proc/PID/task/TID/status for each thread. */
function fieldOfThreads(pid: number, field: string): string[] {
  return readdirSync(`/proc/${pid}/task`).map((tid) => {
    const status = readFileSync(`/proc/${pid}/task/${tid}/status`, "utf8");
    return new RegExp(`^${field}:\\s+(.*)$`, "m").exec(status)?.[1] ?? "absent";
  });
}

function pidOf(command: RunningCommand): number {
  return command.child.pid as number;
}

async function stop(name: string, command: RunningCommand): Promise<number | null> {
  await runBulkhead(["stop", name], fixture);
  return (await command.finished).exitCode;
}

test("every thread holds no capability, cannot gain one, and has a filter; so does one that is made later", async () => {
  const command = await start(vmName("launcher-bare"));
  const threads = readdirSync(`/proc/${pidOf(command)}/task`).length;
  assert.ok(threads > 5, "Node has worker threads");
  for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
    assert.equal(new Set(fieldOfThreads(pidOf(command), set)), new Set(["0".repeat(16)]), set);
  }
  assert.equal(new Set(fieldOfThreads(pidOf(command), "NoNewPrivs")), new Set(["1"]));
  assert.equal(new Set(fieldOfThreads(pidOf(command), "Seccomp")), new Set(["2"]));
  assert.is(await stop(vmName("launcher-bare"), command), 0);
});

test("inspect reads it back and finds nothing that differs; a launcher that claims more than it has is found", async () => {
  const command = await start(vmName("launcher-read"));
  const inspected = await runBulkhead(["inspect", vmName("launcher-read"), "--json"], fixture);
  assert.is(inspected.exitCode, 0, inspected.stdout + inspected.stderr);
  const { launcher } = JSON.parse(inspected.stdout) as { launcher: { pid: number; confined: boolean; threads: number } };
  assert.equal([launcher.pid, launcher.confined], [pidOf(command), true]);
  assert.match(
    (await runBulkhead(["inspect", vmName("launcher-read")], fixture)).stdout,
    /Launcher \(pid \d+, \d+ threads\): capabilities none/,
  );
  await stop(vmName("launcher-read"), command);

  const privileged = await start(vmName("launcher-claims"), "--keep-privileges");
  assert.match((await runBulkhead(["inspect", vmName("launcher-claims")], fixture)).stdout, "not confined");
  const path = join(fixture.directory, `run/vms/${vmName("launcher-claims")}/record.json`);
  const record = JSON.parse(readFileSync(path, "utf8")) as object;
  await writeFile(path, JSON.stringify({ ...record, launcherConfined: true }));
  const differs = await runBulkhead(["inspect", vmName("launcher-claims")], fixture);
  assert.is(differs.exitCode, 1);
  assert.match(differs.stdout, "launcher, capabilities: planned thread");
  assert.match(differs.stdout, "launcher, seccomp: planned thread");
  await stop(vmName("launcher-claims"), privileged);
});

for (const [name, number] of Object.entries(CALLS)) {
  test(`${name} ends the launcher; its VM serves on and gc ends it`, async () => {
    const command = await start(vmName(`launcher-${name}`));
    provoker.call(pidOf(command), number);
    const { signal } = await command.finished;
    assert.is(signal, "SIGSYS");
    const listed = (await runBulkhead(["ps", "--json"], fixture)).stdout;
    assert.match(listed, `"vm":"${vmName(`launcher-${name}`)}","state":"orphaned"`);
    assert.is((await runBulkhead(["gc"], fixture)).exitCode, 0);
  });
}

test("a program that launches as a library keeps what it has", async () => {
  const before = fieldOfThreads(process.pid, "CapEff");
  const machine = await launch(await fixture.request(demoVmText({ name: vmName("launcher-library"), disks: "blank" })));
  assert.equal(new Set(fieldOfThreads(process.pid, "CapEff")), new Set(before));
  assert.equal(eventsOf(fixture, vmName("launcher-library"), "launcher-confined"), []);
  machine.kill();
  await machine.ended;
  assert.not.ok(existsSync(join(fixture.directory, `run/vms/${vmName("launcher-library")}`)));
});

test.run();

told("a confined launcher still ends a VM whose device dies, with its cause, and cleans up", async () => {
  const command = await start(vmName("launcher-death"));
  const listed = JSON.parse((await runBulkhead(["ps", "--json"], fixture)).stdout) as {
    vm: string;
    processes: { id: string; pid: number }[];
  }[];
  const disk = listed.find(({ vm }) => vm === vmName("launcher-death"))?.processes.find(({ id }) => id === "disk0");
  provoker.call(disk?.pid as number, CALLS.ptrace);
  const result = await command.finished;
  assert.is(result.exitCode, 5, result.stderr);
  assert.match(result.stderr, "its seccomp filter refused ptrace");
  assert.is(eventsOf(fixture, vmName("launcher-death"), "cleanup").length, 1);
});

told.run();
