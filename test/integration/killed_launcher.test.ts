import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { LAUNCH_STEPS } from "../../src/machine/index.js";
import { suite } from "../support/harness.js";
import { findListed, isRunning, writeIdleVm } from "../support/idle_vm.js";
import { type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { runBulkhead, startBulkhead } from "../support/run_command.js";
import { interfaceName } from "../support/run_identity.js";

const test = suite("a launcher killed at every step", { needs: ["root", "qemu-tcg", "user-namespaces"], timeoutMs: 60_000 });
const VM = vmName("test-killed");
const PROGRAM = join(import.meta.dirname, "killed_launcher_program.js");
let fixture: MachineFixture;

test.before(async () => {
  fixture = await makeFixture();
  await writeIdleVm(fixture, VM);
});
test.after(() => fixture.remove());
test.afterEach(() => assert.equal(fixture.leftovers(), []));

/** Every process that the VM has: by its record, which may name too few, and by the uids reserved for it. */
function processesOf(): number[] {
  const record = `${fixture.directory}/run/vms/${VM}/record.json`;
  const uids = existsSync(`${fixture.directory}/run/uids`) ? readdirSync(`${fixture.directory}/run/uids`) : [];
  const named = existsSync(record)
    ? (JSON.parse(readFileSync(record, "utf8")) as { processes: { pid: number }[]; keeper: { pid: number } | null })
    : { processes: [], keeper: null };
  const byUid = readdirSync("/proc").filter((pid) => {
    const status = /^\d+$/.test(pid) && existsSync(`/proc/${pid}/status`) ? readStatus(pid) : "";
    return uids.includes(/^Uid:\t(\d+)/m.exec(status)?.[1] ?? "none");
  });
  return [...named.processes.map(({ pid }) => pid), ...(named.keeper === null ? [] : [named.keeper.pid]), ...byUid.map(Number)];
}

function readStatus(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return ""; // Ended meanwhile.
  }
}

async function killAt(
  what: string,
  step: string,
  more: { delayMs?: number; vmFile?: string; cache?: string } = {},
): Promise<void> {
  const args = [PROGRAM, what, step, String(more.delayMs ?? 0), more.vmFile ?? `${VM}.yaml`];
  const environment = more.cache === undefined ? fixture.environment : { ...fixture.environment, BULKHEAD_CACHE: more.cache };
  const child = spawn(process.execPath, args, {
    cwd: fixture.directory,
    env: environment,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const [, signal] = (await once(child, "close")) as [number | null, string | null];
  assert.is(signal, "SIGKILL", `the program came to its end without step ${step}`);
}

async function collect(...args: string[]): Promise<void> {
  const collected = await runBulkhead(["gc", ...args], fixture);
  assert.is(collected.exitCode, 0, collected.stderr);
}

/** Before the guest's first instruction nothing is worth keeping: even a gc that keeps orphans removes it. */
async function assertGone(): Promise<void> {
  const processes = processesOf();
  await collect("--keep-orphans");
  assert.equal(fixture.leftovers(), []);
  assert.equal(processes.filter(isRunning), []);
}

for (const step of LAUNCH_STEPS.filter((name) => name !== "run")) {
  test(`launch, killed at ${step}: the next gc leaves nothing`, async () => {
    await killAt("launch", step);
    await assertGone();
  });
}

for (const [step, delayMs] of [
  ["spawn-disk0", 0],
  ["spawn-vmm", 5],
  ["start", 15],
  ["attach", 40],
] as const) {
  test(`launch, killed ${delayMs} ms after ${step} began: the next gc leaves nothing`, async () => {
    await killAt("launch", step, { delayMs });
    await assertGone();
  });
}

test("launch, killed at any step: the next launch of that VM cleans up by itself and runs", async () => {
  await killAt("launch", "verify");
  await killAt("launch", "attach");
  await killAt("launch", "run");
  assert.is((await findListed(fixture, VM))?.state, "orphaned");
  await collect();
});

test("launch, killed while it builds a root: gc leaves no half of one, and what is complete stays", async () => {
  const cache = mkdtempSync(join(fixture.directory, "cache-"));
  const shared = fixture.environment["BULKHEAD_CACHE"] ?? "";
  for (const folder of ["filters", "results", "inventories"])
    cpSync(join(shared, folder), join(cache, folder), { recursive: true });
  await killAt("launch", "half-a-root", { cache });
  assert.ok(readdirSync(join(cache, "roots")).some((name) => name.startsWith(".building-")));
  const collected = await runBulkhead(["gc"], { ...fixture, environment: { ...fixture.environment, BULKHEAD_CACHE: cache } });
  assert.is(collected.exitCode, 0, collected.stderr);
  assert.equal(
    readdirSync(join(cache, "roots")).filter((name) => name.startsWith(".")),
    [],
  );
  rmSync(cache, { recursive: true });
});

test("launch, killed at run: the VM is orphaned and serves on, closed; a start's gc keeps it; attach, then stop, end it", async () => {
  await killAt("launch", "run");
  await collect("--keep-orphans");
  const busy = await runBulkhead(["run", `${VM}.yaml`], fixture);
  assert.is(busy.exitCode, 3);
  assert.match(busy.stderr, /its state is orphaned/);
  const orphan = await findListed(fixture, VM);
  assert.is(orphan?.state, "orphaned");
  assert.equal(orphan?.processes.map(({ id }) => id).sort(), ["disk0", "disk1", "net0", "vmm"]);
  assert.is((await runBulkhead(["inspect", VM], fixture)).exitCode, 0);
  assert.is((await runBulkhead(["attach", "--no-follow", VM], fixture)).exitCode, 0);
  const processes = processesOf();
  assert.is((await runBulkhead(["stop", VM], fixture)).exitCode, 0);
  assert.equal(processes.filter(isRunning), []);
});

for (const step of ["end-processes", "remove-cgroup", "restore-labels", "release-uids", "forget"]) {
  test(`stop, killed at ${step}: the next gc leaves nothing`, async () => {
    await killAt("stop", step);
    const processes = processesOf();
    await collect();
    assert.equal(processes.filter(isRunning), []);
  });

  test(`gc of an orphan, killed at ${step}: the next gc leaves nothing`, async () => {
    await killAt("launch", "run");
    const processes = processesOf();
    await killAt("gc", step);
    await collect();
    assert.equal(processes.filter(isRunning), []);
  });
}

for (const step of ["sweep-state", "sweep-files", "sweep-roots"]) {
  test(`gc, killed at ${step}: the next gc ends well`, async () => {
    await killAt("gc", step);
    await collect();
  });
}

test("two launchers at once: one runs the VM, the other is told so and does it no harm", async () => {
  const commands = [0, 1].map(() => startBulkhead(["run", "--detach", `${VM}.yaml`], fixture));
  const results = await Promise.all(commands.map(({ finished }) => finished));
  assert.equal(results.map(({ exitCode }) => exitCode).sort(), [0, 3]);
  assert.match(
    results.map(({ stderr }) => stderr).join(""),
    /Cannot launch VM "test-killed-\w+": (another launcher runs it|its state is)/,
  );
  assert.is((await findListed(fixture, VM))?.processes.length, 4);
  assert.is((await runBulkhead(["inspect", VM], fixture)).exitCode, 0);
  assert.is((await runBulkhead(["stop", VM, "--now"], fixture)).exitCode, 0);
});

test.run();

const tap = suite("a launcher killed with a tap of the operator's", {
  needs: ["root", "qemu-tcg", "user-namespaces", "tun"],
  timeoutMs: 60_000,
});
const TAP = interfaceName("tapkilled");

tap("the tap is there, unchanged, whenever the launcher died", async () => {
  fixture = await makeFixture();
  const ip = (...args: string[]) => spawnSync("ip", args, { encoding: "utf8" });
  assert.is(ip("tuntap", "add", TAP, "mode", "tap").status, 0);
  try {
    await writeIdleVm(fixture, vmName("test-killed-tap"), (text) => text.replace("disconnected: true", `tap: ${TAP}`));
    // Another tap of the same name would have another index and address.
    const identify = () => ["ifindex", "address"].map((name) => readFileSync(`/sys/class/net/${TAP}/${name}`, "utf8"));
    const before = identify();
    for (const step of ["open-channels", "continue", "run"]) {
      await killAt("launch", step, { vmFile: `${vmName("test-killed-tap")}.yaml` });
      await collect();
      assert.equal(identify(), before);
    }
    assert.equal(fixture.leftovers(), []);
  } finally {
    ip("link", "delete", TAP);
    await fixture.remove();
  }
});

tap.run();
