import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { createInterface } from "node:readline";
import type { QemuRoot } from "../../../src/compliance/lab/index.js";
import { addon } from "../../../src/kernel/index.js";
import { QmpClient } from "../../../src/machine/index.js";

/**
 * A QEMU VMM whose vCPU never runs: the test does what a guest's CPU would, through QEMU's qtest, so that no guest and no firmware
 * is needed. KVM, not TCG: QEMU 8.2 and later crash under TCG when a proxied device is made.
 */
export interface QtestVmm {
  readonly pid: number;
  /** One command of qtest, `inl 0xcfc`; the value that it answers with, 0n for none. */
  command(line: string): Promise<bigint>;
  /** What the monitor's command for people prints. */
  ask(line: string): Promise<string>;
  execute(command: string): Promise<unknown>;
  end(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

/** Its fds after the standard streams. */
const CHANNEL_FD = 3;
const MONITOR_FD = 4;

export const GUEST_MEMORY_BYTES = 64 * 1024 * 1024;

/** Slot of bus 0 that the device is in. */
export const DEVICE_SLOT = 4;

/** Arguments of a VMM that makes one proxied device and stays stopped. */
export const PROXY_VMM: readonly string[] = [
  ...["-nodefaults", "-no-user-config", "-display", "none", "-S", "-accel", "kvm", "-m", `${GUEST_MEMORY_BYTES >> 20}M`],
  ...["-machine", "q35,memory-backend=memory", "-object", `memory-backend-memfd,id=memory,size=${GUEST_MEMORY_BYTES}`],
  ...["-device", `x-pci-proxy-dev,id=device,fd=${CHANNEL_FD},addr=${DEVICE_SLOT}`],
];

/** `channelFd` is the VMM's end; it is closed here. The device is in slot 4 of bus 0, behind no bridge. */
export async function startQtestVmm(qemu: QemuRoot, channelFd: number): Promise<QtestVmm> {
  const [monitorFd, farMonitor] = addon.socketPair();
  const [program, ...first] = qemu.command;
  const args = [
    ...first,
    ...PROXY_VMM,
    ...["-chardev", `socket,id=monitor,fd=${MONITOR_FD}`, "-mon", "chardev=monitor,mode=control"],
    ...["-qtest", "stdio", "-qtest-log", "none"],
  ];
  const child = spawn(program as string, args, {
    stdio: ["pipe", "pipe", "pipe", channelFd, farMonitor],
    env: { ...process.env, ...qemu.env },
  });
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new Error("QEMU was started without its pipes");
  closeSync(channelFd);
  closeSync(farMonitor);
  let said = "";
  stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  const command = async (line: string): Promise<bigint> => {
    stdin.write(`${line}\n`);
    const answer = (await lines.next()).value ?? `nothing; QEMU wrote: ${said}`;
    const [status, value] = answer.split(" ");
    if (status !== "OK") throw new Error(`qtest answered ${line} with ${answer}`);
    return BigInt(value ?? 0);
  };
  const monitor = new QmpClient(monitorFd, "vmm");
  await monitor.open();
  return {
    pid: child.pid ?? -1,
    command,
    ask: async (line) => String(await monitor.execute("human-monitor-command", { "command-line": line })),
    execute: (name) => monitor.execute(name),
    end: async () => {
      monitor.close();
      child.kill("SIGKILL");
      await ended;
    },
    kill: (signal) => void child.kill(signal),
  };
}
