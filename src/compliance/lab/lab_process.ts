import { type ChildProcess, spawn } from "node:child_process";
import type { Duplex } from "node:stream";
import { MachineError } from "../../errors/index.js";
import { ConsoleLog } from "./console_log.js";
import { LAB_CHANNELS, type LabChannel } from "./lab_machine.js";
import type { QemuRoot } from "./qemu_root.js";

/** A running lab VM: its channels, its console, its end. */
export interface LabProcess {
  readonly channel: (name: LabChannel) => Duplex;
  readonly console: ConsoleLog;
  /** Resolves when QEMU is gone and everything it wrote has been read. */
  readonly closed: Promise<void>;
  readonly kill: () => void;
  /** An error of class MachineError that shows what the console says of the end. */
  readonly fail: (code: string, answer: string) => MachineError;
}

/** Starts QEMU from a cached root, with the channels as inherited sockets; it dies with this process. */
export function startLabProcess(qemu: QemuRoot, args: readonly string[], onConsoleLine: (line: string) => void): LabProcess {
  const child = spawn("setpriv", ["--pdeathsig", "KILL", ...qemu.command, ...args], {
    stdio: ["ignore", "ignore", "pipe", ...LAB_CHANNELS.map(() => "pipe" as const)],
    env: { ...process.env, ...qemu.env },
    // Not in the terminal's foreground group: Ctrl-C reaches the lab's own handling, which ends QEMU, and only that.
    detached: true,
  });
  const log = new ConsoleLog(onConsoleLine);
  const channel = (name: LabChannel): Duplex => streamOf(child, 3 + LAB_CHANNELS.indexOf(name));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => log.append(`qemu: ${text}`));
  channel("console")
    .setEncoding("utf8")
    .on("data", (text: string) => log.append(text));
  // A peer that is gone is told by the end of the process, not by each of its sockets.
  for (const name of LAB_CHANNELS) channel(name).on("error", () => undefined);
  const closed = new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => resolve());
  });
  closed.catch(() => undefined);
  const fail = (code: string, answer: string): MachineError => {
    const reason = log.panic === null ? answer : `the lab's kernel panicked: ${log.panic}`;
    return new MachineError({
      code: log.panic === null ? code : "lab-panic",
      tried: `Cannot run the lab under QEMU ${qemu.version}`,
      subject: "lab",
      answer: `${reason}. Its console ended with:\n${log.tail()}`,
    });
  };
  return { channel, console: log, closed, kill: () => void child.kill("SIGKILL"), fail };
}

function streamOf(child: ChildProcess, fd: number): Duplex {
  return child.stdio[fd] as unknown as Duplex;
}
