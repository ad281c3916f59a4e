import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import type { QemuRoot } from "../../../src/compliance/lab/index.js";
import { addon } from "../../../src/kernel/index.js";
import { QmpClient } from "../../../src/machine/index.js";

/** One of QEMU's device processes, unconfined: the test is its VMM. */
export interface QemuRemote {
  /** The VMM's end of its channel; the test's to close. */
  readonly channelFd: number;
  readonly pid: number;
  /** How it ended, and what it wrote to standard error. */
  readonly ended: Promise<{ readonly exitCode: number | null; readonly signal: NodeJS.Signals | null; readonly said: string }>;
  kill(signal: NodeJS.Signals): void;
}

/** Every model that runs under x-remote without MSI, with what it needs beside itself. */
export const REMOTE_MODELS: Readonly<Record<string, readonly string[]>> = {
  lsi53c895a: [],
  am53c974: [],
  dc390: [],
  megasas: [],
  mptsas1068: [],
  pvscsi: [],
  nvme: ["-blockdev", "null-co,node-name=disk,size=1048576"],
  "ich9-ahci": [],
  "sdhci-pci": [],
  e1000: [],
  e1000e: [],
  rtl8139: [],
  pcnet: [],
  i82559er: [],
  ne2k_pci: [],
  tulip: [],
  vmxnet3: [],
  "qemu-xhci": [],
  "usb-ehci": [],
  "piix3-usb-uhci": [],
  AC97: ["-audiodev", "none,id=sound"],
  ES1370: ["-audiodev", "none,id=sound"],
  "intel-hda": [],
  i6300esb: [],
  "pci-serial": ["-chardev", "null,id=line"],
  "pci-testdev": [],
};

/** Properties of those models that need any. */
const PROPERTIES: Readonly<Record<string, string>> = {
  nvme: ",drive=disk,serial=1",
  "pci-serial": ",chardev=line",
  // QEMU 8.2 and later make no default of their own.
  AC97: ",audiodev=sound",
  ES1370: ",audiodev=sound",
};

/** Its fds after the standard streams. */
const CHANNEL_FD = 3;
const MONITOR_FD = 4;

/**
 * Resolves when it is up. Started without a monitor it would answer before its initial reset, which then undoes what was written:
 * the channel is served from the moment that the machine is made.
 */
export async function startQemuRemote(qemu: QemuRoot, model: string): Promise<QemuRemote> {
  const [near, far] = addon.socketPair();
  const [monitorFd, farMonitor] = addon.socketPair();
  const [program, ...first] = qemu.command;
  const args = [
    ...["-nodefaults", "-no-user-config", "-display", "none", "-machine", "x-remote", "-accel", "tcg,tb-size=1"],
    ...["-preconfig", "-chardev", `socket,id=monitor,fd=${MONITOR_FD}`, "-mon", "chardev=monitor,mode=control"],
    ...(REMOTE_MODELS[model] ?? []),
    ...["-device", `${model},id=device${PROPERTIES[model] ?? ""}`],
    ...["-object", `x-remote-object,id=remote,devid=device,fd=${CHANNEL_FD}`],
  ];
  const child = spawn(program as string, [...first, ...args], {
    stdio: ["ignore", "ignore", "pipe", far, farMonitor],
    env: { ...process.env, ...qemu.env },
  });
  closeSync(far);
  closeSync(farMonitor);
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise<Awaited<QemuRemote["ended"]>>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode, signal) => resolve({ exitCode, signal, said }));
  });
  const monitor = new QmpClient(monitorFd, model);
  try {
    await monitor.open();
    await monitor.execute("x-exit-preconfig");
  } catch (error) {
    closeSync(near);
    child.kill("SIGKILL");
    throw new Error(`${model} does not start: ${(await ended).said}`, { cause: error });
  } finally {
    monitor.close();
  }
  return { channelFd: near, pid: child.pid ?? -1, ended, kill: (signal) => void child.kill(signal) };
}
