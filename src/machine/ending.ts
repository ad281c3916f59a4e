import { EXIT, type ExitCode } from "../errors/index.js";
import type { ExitStatus } from "../kernel/index.js";

/** How a VM ended. */
export interface Ending {
  readonly reason: "guest-shutdown" | "stopped" | "device-died" | "watchdog" | "vmm-died" | "intrusion";
  /** Process that caused it; null for an orderly end. */
  readonly process: string | null;
  /** One sentence for a person. */
  readonly detail: string;
  readonly exitCode: ExitCode;
}

/** include/uapi/asm-generic/signal.h; the ones that end processes here. */
const SIGNALS: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  4: "SIGILL",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  15: "SIGTERM",
  24: "SIGXCPU",
  25: "SIGXFSZ",
  31: "SIGSYS",
};
const SIGSYS = 31;

/** `exit status 1`, `SIGSYS (a call that its seccomp filter refuses)`. */
export function describeExit(status: ExitStatus): string {
  if (status.exitCode !== null) return `exit status ${status.exitCode}`;
  if (status.signal === null) return "an end that only its parent knows";
  const name = SIGNALS[status.signal] ?? `signal ${status.signal}`;
  return status.signal === SIGSYS ? `${name} (a call that its seccomp filter refuses)` : name;
}

export function endingOfDeath(process: string, role: "device" | "vmm", facts: { status: ExitStatus; lastWords: string }): Ending {
  const words = facts.lastWords === "" ? "" : `; its last words: ${facts.lastWords}`;
  const detail = `process "${process}" died of ${describeExit(facts.status)}${words}`;
  if (facts.status.signal === SIGSYS) return { reason: "intrusion", process, detail, exitCode: EXIT.intrusion };
  if (role === "device") return { reason: "device-died", process, detail, exitCode: EXIT.deviceDied };
  return { reason: "vmm-died", process, detail, exitCode: EXIT.hostCannot };
}

/** The end by a watchdog whose action is `stop`: a device's, as far as exit codes go. */
export function endingOfExpiry(process: string): Ending {
  const detail = `the watchdog "${process}" expired: the guest did not reset it in time`;
  return { reason: "watchdog", process, detail, exitCode: EXIT.deviceDied };
}
