import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { MachineError } from "../../errors/index.js";
import { ConsoleLog } from "./console_log.js";
import type { GuestKit } from "./guest_kit.js";
import { type GuestReport, parseGuestReport } from "./guest_report.js";
import type { QemuRoot } from "./qemu_root.js";

/** One proxied device: arguments of its remote process, after `-machine x-remote`. */
export interface BareDevice {
  readonly id: string;
  readonly model: string;
  /** Backend and what hangs on the device: `-drive ...`, `-device scsi-hd,...`, `-netdev ...`. */
  readonly args: readonly string[];
  /** Properties of the device itself: `netdev=n0`. */
  readonly properties?: string;
}

export interface BareGuest {
  readonly qemu: QemuRoot;
  readonly kit: GuestKit;
  readonly devices: readonly BareDevice[];
  /** The guest kit's parameters, without the console's. */
  readonly parameters: readonly string[];
  readonly timeoutMs: number;
}

/** Memory of the guest, in MiB. */
const GUEST_MEMORY_MIB = 256;
/** Descriptor of the channel in a remote process. */
const REMOTE_CHANNEL_FD = 3;

/**
 * A guest behind remote device processes with QEMU alone: no confinement, nothing of Bulkhead. What works here and not under the
 * launcher is the launcher's doing. Needs KVM that runs Linux. Throws MachineError "guest-timeout", "guest-panic" or
 * "guest-ended" with the console's end; every process is gone when it returns.
 */
export async function runBareGuest(guest: BareGuest): Promise<GuestReport> {
  const processes: ChildProcess[] = [];
  const log = new ConsoleLog();
  let console = "";
  const deadline = setTimeout(() => processes.at(-1)?.kill("SIGKILL"), guest.timeoutMs);
  const startedMs = performance.now();
  try {
    const remotes = guest.devices.map((device) => startRemote(guest.qemu, device, log));
    processes.push(...remotes);
    const vmm = startVmm(guest, remotes.map(channelOf));
    processes.push(vmm);
    vmm.stderr?.setEncoding("utf8").on("data", (text: string) => log.append(text));
    vmm.stdout?.setEncoding("utf8").on("data", (text: string) => {
      console += text;
      log.append(text);
    });
    // A remote that fails takes its device with it, and its guest would only miss it: what it said is worth more.
    await Promise.race([ended(vmm), ...remotes.map(failed)]);
    const report = parseGuestReport(console);
    if (report.status !== null) return report;
    const late = performance.now() - startedMs >= guest.timeoutMs;
    throw wordFailure(guest, log, late);
  } finally {
    clearTimeout(deadline);
    await Promise.all(processes.map(kill));
  }
}

/** Returns when the process is gone, and what it held (a tap, a lock on an image) with it. */
async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "close");
}

/** Resolves when a remote ends in failure; one whose channel closed ends with 0. */
function failed(remote: ChildProcess): Promise<void> {
  return new Promise((resolve) => remote.once("close", (exitCode) => void (exitCode === 0 || resolve())));
}

function startRemote(qemu: QemuRoot, device: BareDevice, log: ConsoleLog): ChildProcess {
  const properties = device.properties === undefined ? "" : `,${device.properties}`;
  const args = [
    ...["-machine", "x-remote", "-accel", "tcg,tb-size=1", "-nodefaults", "-display", "none", "-monitor", "none"],
    ...["-device", `${device.model},id=${device.id}${properties}`, ...device.args],
    ...["-object", `x-remote-object,id=remote,devid=${device.id},fd=${REMOTE_CHANNEL_FD}`],
  ];
  const child = startQemu(qemu, args, ["ignore", "ignore", "pipe", "pipe"]);
  child.stderr?.setEncoding("utf8").on("data", (text: string) => log.append(`${device.id}: ${text}`));
  return child;
}

function startVmm(guest: BareGuest, channels: readonly Duplex[]): ChildProcess {
  const memory = `memory-backend-memfd,id=mem,size=${GUEST_MEMORY_MIB}M`;
  const parameters = ["console=ttyS0", "quiet", "panic=-1", "scsi_mod.scan=sync", ...guest.parameters].join(" ");
  const args = [
    ...["-machine", "q35,sata=off,smbus=off,i8042=off,vmport=off,memory-backend=mem", "-accel", "kvm"],
    ...["-object", memory, "-m", `${GUEST_MEMORY_MIB}M`, "-nodefaults", "-display", "none", "-no-reboot"],
    ...["-kernel", guest.kit.kernel, "-initrd", guest.kit.initrd, "-append", parameters, "-serial", "stdio"],
    ...guest.devices.flatMap(({ id }, index) => ["-device", `x-pci-proxy-dev,id=${id},fd=${REMOTE_CHANNEL_FD + index}`]),
  ];
  const vmm = startQemu(guest.qemu, args, ["ignore", "pipe", "pipe", ...channels]);
  // Held here as well, a channel would hide the death of either end. Closed before this process reads a byte from it.
  for (const channel of channels) channel.destroy();
  return vmm;
}

function startQemu(qemu: QemuRoot, args: readonly string[], stdio: ("ignore" | "pipe" | Duplex)[]): ChildProcess {
  const options = { stdio, env: { ...process.env, ...qemu.env } };
  return spawn("setpriv", ["--pdeathsig", "KILL", ...qemu.command, ...args], options);
}

/** This process's end of the socket pair that it was started with. */
function channelOf(remote: ChildProcess): Duplex {
  return remote.stdio[REMOTE_CHANNEL_FD] as unknown as Duplex;
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => resolve());
  });
}

function wordFailure(guest: BareGuest, log: ConsoleLog, late: boolean): MachineError {
  const answer = late ? `no end within ${guest.timeoutMs / 1000} s` : "one of its processes ended before the guest did";
  return new MachineError({
    code: log.panic !== null ? "guest-panic" : late ? "guest-timeout" : "guest-ended",
    tried: `Cannot run a guest under QEMU ${guest.qemu.version}`,
    subject: "guest",
    answer: `${log.panic === null ? answer : `its kernel panicked: ${log.panic}`}. Console:\n${log.tail()}`,
  });
}
