import { existsSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { findReportFault } from "../../src/cli/schemas/index.js";
import { suite } from "../support/harness.js";
import { findListed } from "../support/idle_vm.js";
import { type MachineFixture, makeFixture, usedName, vmName } from "../support/machine_fixture.js";
import { statusOfThreads } from "../support/proc_reading.js";
import { type InstalledPrograms, installPrograms } from "../support/program_devices.js";
import { repositoryRoot } from "../support/repository.js";
import { runBulkhead, waitUntil } from "../support/run_command.js";

const NEEDS = ["root", "qemu", "user-namespaces", "cgroup-v2"] as const;
const IMAGE_BYTES = 1024 * 1024;
/** From the kernel's headers: capabilities that a thread may have, one bit each. */
const NO_CAPABILITY = "0".repeat(16);

let fixture: MachineFixture;
let programs: InstalledPrograms;

async function setUp(): Promise<void> {
  fixture = await makeFixture();
  programs = installPrograms(fixture.directory);
  writeFileSync(join(fixture.directory, "host.yaml"), `hotPlug: true\n${programs.hostText}`, { mode: 0o644 });
  const image = Buffer.alloc(IMAGE_BYTES);
  readFileSync(join(repositoryRoot, "native/build/boot/program_devices.bin")).copy(image);
  writeFileSync(join(fixture.directory, "boot.img"), image);
}

const REFERENCE = (): string => `{id: ref0, role: reference-device, program: ${programs.reference}}`;
const ENGINE = (): string => `{id: engine0, role: javascript-device, program: ${programs.engine}}`;

function write(name: string, machine: string, devices: readonly string[]): void {
  usedName(name);
  const lines = devices.map((device) => `  - ${device}\n`).join("");
  writeFileSync(
    join(fixture.directory, `${name}.yaml`),
    `name: ${name}\nmachine: {memory: 64M, ${machine}}\nshutdownGraceMs: 200\n` +
      `console: {serial: {file: ${name}.log}}\ndevices:\n${lines}`,
  );
}

function run(name: string, ...options: readonly string[]) {
  return runBulkhead(["run", "--host-file", "host.yaml", ...options, `${name}.yaml`], fixture);
}

const driven = suite("programs as devices, driven by a guest", { needs: [...NEEDS, "kvm"], timeoutMs: 120_000 });
driven.before(setUp);
driven.after(() => fixture.remove());

driven(
  "KVM: a guest drives the reference device and the engine in JavaScript: registers, DMA, and the interrupt of each",
  async () => {
    const name = vmName("test-programs");
    const disk = "{id: disk0, role: disk, model: lsi53c895a, disk: {file: boot.img}}";
    write(name, "accel: kvm", [disk, REFERENCE(), ENGINE()]);
    const result = await run(name);
    assert.is(result.exitCode, 0, result.stderr);
    const told = readFileSync(join(fixture.directory, `${name}.log`), "utf8");
    assert.match(told, /^b0d0 status=01 same=01 interrupts=01\r\n1100 status=01 same=01 interrupts=01\r\n/);
    assert.equal(fixture.leftovers(), []);
  },
);

driven.run();

const confined = suite("programs as devices, confined", { needs: NEEDS, timeoutMs: 60_000 });
confined.before(setUp);
confined.after(() => fixture.remove());

/** Every file that a process's root holds. */
function filesOf(pid: number, under = ""): string[] {
  const top = `/proc/${pid}/root`;
  return readdirSync(`${top}${under}`, { withFileTypes: true }).flatMap((entry) => {
    const path = `${under}/${entry.name}`;
    if (entry.isDirectory()) return filesOf(pid, path);
    return entry.isFile() ? [path] : [];
  });
}

/** Permission bits of the memory files that a process has open. */
function memoryModes(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`)
    .filter((name) => readlinkSync(`/proc/${pid}/fd/${name}`).startsWith("/memfd:"))
    .map((name) => (statSync(`/proc/${pid}/fd/${name}`).mode & 0o777).toString(8));
}

confined(
  "each is confined as QEMU's are, sees its own files alone, and has no monitor; one may be added; its death ends the VM",
  async () => {
    const name = vmName("test-programs");
    write(name, "accel: tcg, hotPlugSlots: 1", [REFERENCE(), ENGINE()]);
    const planned = await runBulkhead(["plan", "--host-file", "host.yaml", "--json", `${name}.yaml`], fixture);
    const plan = JSON.parse(planned.stdout) as { processes: { id: string; program?: string }[] };
    assert.is(plan.processes.find(({ id }) => id === "ref0")?.program, programs.reference);
    assert.is(findReportFault("plan", planned.stdout), null);
    const started = await run(name, "--detach");
    assert.is(started.exitCode, 0, started.stderr);
    const pidOf = async (id: string): Promise<number> =>
      (await findListed(fixture, name))?.processes.find((process) => process.id === id)?.pid ?? 0;
    const [reference, engine] = [await pidOf("ref0"), await pidOf("engine0")];
    assert.equal(filesOf(reference), [programs.reference]);
    const own = filesOf(engine).filter((path) => path.startsWith(fixture.directory));
    assert.equal(own.length, 2, own.join(" "));
    for (const pid of [reference, engine]) {
      for (const set of ["CapEff", "CapPrm", "CapBnd"]) {
        assert.equal(new Set(statusOfThreads(pid, set)), new Set([NO_CAPABILITY]));
      }
      assert.equal(new Set(statusOfThreads(pid, "Seccomp")), new Set(["2"]));
      assert.not.match(readFileSync(`/proc/${pid}/maps`, "utf8"), / rwxp /);
    }
    assert.equal(memoryModes(await pidOf("vmm")), existsSync("/proc/sys/vm/memfd_noexec") ? ["666"] : ["777"]);
    const inspected = JSON.parse((await runBulkhead(["inspect", name, "--json"], fixture)).stdout);
    assert.equal(inspected.differences, []);
    const asked = await runBulkhead(["qmp", name, "ref0", "query-status"], fixture);
    assert.is(asked.exitCode, 2);
    assert.match(asked.stderr, /its program, .*reference_device, has no monitor/);
    writeFileSync(join(fixture.directory, "ref7.yaml"), REFERENCE().replace("ref0", "ref7"));
    const added = await runBulkhead(["device", "add", name, "ref7.yaml"], fixture);
    assert.is(added.exitCode, 0, added.stderr);
    assert.match((await runBulkhead(["qmp", name, "query-pci"], fixture)).stdout, '"qdev_id": "ref7"');
    process.kill(await pidOf("ref7"), "SIGKILL");
    await waitUntil(async () => (await findListed(fixture, name)) === undefined, "the VM's end");
    assert.equal(fixture.leftovers(), []);
  },
);

confined(
  "what the host file does not permit, and a program that others may write, are refused before anything starts",
  async () => {
    const name = vmName("test-programs");
    for (const [device, said] of [
      ["{id: a, role: reference-device, program: /usr/bin/true}", /this host does not permit the program "\/usr\/bin\/true"/],
      [REFERENCE().replace("role: reference-device", "role: net"), /in the role reference-device only \(programs, /],
    ] as const) {
      write(name, "accel: tcg", [device]);
      const { exitCode, stderr } = await run(name);
      assert.is(exitCode, 2, stderr);
      assert.match(stderr, said);
    }
    assert.equal(fixture.leftovers(), []);
  },
);

confined.run();
