import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import type { QemuRoot } from "../../../src/compliance/lab/index.js";
import { addon } from "../../../src/kernel/index.js";

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

/** The channel is its fd 3: the first after the standard streams. */
const CHANNEL_FD = 3;

export function startQemuRemote(qemu: QemuRoot, model: string): QemuRemote {
  const [near, far] = addon.socketPair();
  const [program, ...first] = qemu.command;
  const args = [
    ...["-nodefaults", "-no-user-config", "-display", "none", "-machine", "x-remote", "-accel", "tcg,tb-size=1"],
    ...(REMOTE_MODELS[model] ?? []),
    ...["-device", `${model},id=device${PROPERTIES[model] ?? ""}`],
    ...["-object", `x-remote-object,id=remote,devid=device,fd=${CHANNEL_FD}`],
  ];
  const child = spawn(program as string, [...first, ...args], {
    stdio: ["ignore", "ignore", "pipe", far],
    env: { ...process.env, ...qemu.env },
  });
  closeSync(far);
  let said = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise<Awaited<QemuRemote["ended"]>>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode, signal) => resolve({ exitCode, signal, said }));
  });
  return { channelFd: near, pid: child.pid ?? -1, ended, kill: (signal) => void child.kill(signal) };
}
