import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import * as assert from "uvu/assert";
import { type Ending, type LaunchRequest, launch, type RunningMachine } from "../../src/index.js";
import { addon } from "../../src/kernel/index.js";
import { QmpClient } from "../../src/machine/index.js";
import { actOnExpiry, type ExpiryOutcome, onExpiry } from "../../src/machine/watchdog.js";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { repositoryRoot } from "../support/repository.js";
import { waitUntil } from "../support/run_command.js";

/** Firmware and two stages of a second each, on a machine with other work. */
const GUEST_DEADLINE_MS = 30_000;
const NEEDS = ["root", "qemu-tcg", "user-namespaces"] as const;
let fixture: MachineFixture;

async function setUp(): Promise<void> {
  fixture = await makeFixture();
  const sector = await readFile(join(repositoryRoot, "native/build/boot/peripherals_sector.bin"));
  await writeFile(join(fixture.directory, "boot.img"), Buffer.concat([sector, Buffer.alloc(1024 * 1024 - sector.length)]));
}

/** A VM whose guest drives the devices that native/boot/peripherals_sector.S looks for. */
async function startVm(
  name: string,
  device: string,
  onWarning: NonNullable<LaunchRequest["onWarning"]> = () => {},
): Promise<{ machine: RunningMachine; console: () => string }> {
  const text = `name: ${name}
machine: {memory: 64M, accel: tcg}
boot: {disk: disk0}
console: {serial: stdio}
shutdownGraceMs: 200
devices:
  - {id: disk0, role: disk, model: lsi53c895a, disk: {file: boot.img}}
  - ${device}
`;
  const output = new PassThrough();
  let said = "";
  output.on("data", (chunk: Buffer) => {
    said += chunk.toString("latin1");
  });
  const stdio = { kind: "stream", output, input: null, escape: false } as const;
  return { machine: await launch(await fixture.request(text, { stdio, onWarning })), console: () => said };
}

async function end(machine: RunningMachine): Promise<Ending> {
  machine.kill();
  return machine.ended;
}

const watchdog = suite("a watchdog that the guest lets expire", { needs: NEEDS, timeoutMs: 60_000 });
watchdog.before(setUp);
watchdog.after(() => fixture.remove());
watchdog.afterEach(() => assert.equal(fixture.leftovers(), []));

/** Where the child finds its monitor: after stdin, stdout and stderr. */
const MONITOR_FD = 3;

/** One QEMU with CPU and watchdog: a device process's watchdog never starts, and the event is the same. */
async function startPlainVm(): Promise<{ qemu: ChildProcess; monitor: QmpClient; console: () => string }> {
  const [own, theirs] = addon.socketPair();
  const drive = `driver=raw,node-name=boot,file.driver=file,file.filename=${join(fixture.directory, "boot.img")}`;
  const args = [
    ...["-nodefaults", "-no-user-config", "-display", "none", "-accel", "tcg", "-machine", "q35", "-m", "64M"],
    ...["-chardev", `socket,id=monitor,fd=${MONITOR_FD}`, "-mon", "chardev=monitor,mode=control", "-serial", "stdio"],
    ...["-blockdev", drive, "-device", "ide-hd,drive=boot", "-device", "i6300esb,id=dog0", "-action", "watchdog=none"],
  ];
  const qemu = spawn("qemu-system-x86_64", args, { stdio: ["ignore", "pipe", "inherit", theirs] });
  closeSync(theirs);
  let said = "";
  qemu.stdout?.on("data", (chunk: Buffer) => {
    said += chunk.toString("latin1");
  });
  const monitor = new QmpClient(own, "vmm");
  await monitor.open();
  return { qemu, monitor, console: () => said };
}

watchdog("QEMU tells the expiry, does nothing itself, and starts the guest anew when it is told to", async () => {
  const { qemu, monitor, console } = await startPlainVm();
  const closed = new Promise((resolve) => qemu.on("close", resolve));
  try {
    const outcomes: ExpiryOutcome[] = [];
    onExpiry(monitor, () => void actOnExpiry(monitor, "reset").then((outcome) => outcomes.push(outcome)));
    await waitUntil(() => outcomes.length > 0, "the expiry", GUEST_DEADLINE_MS);
    assert.is(outcomes[0]?.action, "reset");
    await waitUntil(() => /s.*s/s.test(console()), "a second start of the guest", GUEST_DEADLINE_MS);
  } finally {
    await monitor.execute("quit").catch(() => {});
    await closed;
  }
});

watchdog("in a process of its own it never starts, and the launch says so", async () => {
  const lines: string[] = [];
  const device = "{id: dog0, role: watchdog, model: i6300esb, watchdog: {}}";
  const { machine, console } = await startVm(vmName("test-dog"), device, (id, line) => lines.push(`${id}: ${line}`));
  try {
    await waitUntil(() => console().includes("s"), "the guest's start", GUEST_DEADLINE_MS);
    assert.match(lines.join("\n"), "dog0: QEMU's device process does not pass the guest's configuration writes on");
  } finally {
    await end(machine);
  }
});

watchdog.run();

const serial = suite("a serial port in a process of its own", { needs: NEEDS, timeoutMs: 60_000 });
serial.before(setUp);
serial.after(() => fixture.remove());
serial.afterEach(() => assert.equal(fixture.leftovers(), []));

serial("file: what the guest writes is appended, and the port's process holds no file", async () => {
  const log = join(fixture.directory, "tty0.log");
  await writeFile(log, "before ");
  const { machine } = await startVm(
    vmName("test-tty-file"),
    "{id: tty0, role: serial, model: pci-serial, serial: {file: tty0.log}}",
  );
  try {
    await waitUntil(async () => (await readFile(log, "utf8")) === "before S", "the guest's byte in the log", GUEST_DEADLINE_MS);
    const fds = machine.plan.processes.find(({ id }) => id === "tty0")?.fds ?? [];
    assert.equal([...new Set(fds.map(({ kind }) => kind))], ["null", "pipe", "unix-stream"]);
  } finally {
    await end(machine);
  }
});

serial("pipe: bytes go both ways through two FIFOs", async () => {
  execFileSync("mkfifo", [join(fixture.directory, "line.in"), join(fixture.directory, "line.out")]);
  const { machine, console } = await startVm(
    vmName("test-tty-pipe"),
    "{id: tty0, role: serial, model: pci-serial, serial: {pipe: line}}",
  );
  const input = await open(join(fixture.directory, "line.in"), "r+");
  const output = await open(join(fixture.directory, "line.out"), "r+");
  try {
    const first = await output.read(Buffer.alloc(1));
    assert.is(first.buffer.toString("latin1"), "S");
    await input.write("?");
    const echoed = await output.read(Buffer.alloc(1));
    assert.is(echoed.buffer.toString("latin1"), "?");
    await waitUntil(() => console().includes("?"), "the guest's word of what it read");
  } finally {
    await end(machine);
    await input.close();
    await output.close();
  }
});

serial("pipe: a regular file in a FIFO's place is refused with its place", async () => {
  await writeFile(join(fixture.directory, "plain.in"), "");
  const device = "{id: tty0, role: serial, model: pci-serial, serial: {pipe: plain}}";
  let message = "";
  await startVm(vmName("test-tty-plain"), device).catch((error: Error) => {
    message = error.message;
  });
  assert.match(message, /^test\.yaml:8:\d+: cannot use "plain\.in": it is a regular file\. Make it with mkfifo\.$/);
});

serial.run();
