import { EXIT, type ExitCode } from "../errors/index.js";
import type { ExitStatus } from "../kernel/index.js";
import { VMM_ID } from "../spec/index.js";
import type { DeathCause } from "./death_cause.js";

/** How a VM ended. */
export interface Ending {
  readonly reason:
    | "guest-shutdown"
    | "stopped"
    | "device-died"
    | "device-hung"
    | "watchdog"
    | "vmm-died"
    | "vmm-hung"
    | "intrusion"
    | "supervisor-failed";
  /** Process that caused it; null for an orderly end. */
  readonly process: string | null;
  /** One sentence for a person. */
  readonly detail: string;
  readonly exitCode: ExitCode;
}

export const GUEST_SHUT_DOWN: Ending = {
  reason: "guest-shutdown",
  process: null,
  detail: "the guest shut down",
  exitCode: EXIT.clean,
};
export const STOPPED: Ending = { reason: "stopped", process: null, detail: "the VM was stopped", exitCode: EXIT.clean };

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

/** Whether nothing tells how it ended: a process that another launcher started, which nothing speaks against. */
export function isUnknown({ exitCode, signal }: ExitStatus): boolean {
  return exitCode === null && signal === null;
}

/**
 * Whether a process ended as QEMU does when it is told to quit or its channel closes. Neither a signal nor an exit code that
 * tells of an error is an end in order; an end that nothing tells of is taken for one.
 */
export function isInOrder(status: ExitStatus): boolean {
  return status.exitCode === 0 || isUnknown(status);
}

/** `exit status 1`, `SIGSYS (a call that its seccomp filter refuses)`. */
export function describeExit(status: ExitStatus): string {
  if (status.exitCode !== null) return `exit status ${status.exitCode}`;
  if (status.signal === null) return "an end that only its parent knows";
  const name = SIGNALS[status.signal] ?? `signal ${status.signal}`;
  return status.signal === SIGSYS ? `${name} (a call that its seccomp filter refuses)` : name;
}

export function roleOf(process: string): "device" | "vmm" {
  return process === VMM_ID ? "vmm" : "device";
}

export function endingOfDeath(
  process: string,
  role: "device" | "vmm",
  facts: { readonly cause: Pick<DeathCause, "words" | "intrusion">; readonly lastWords: string },
): Ending {
  const words = facts.lastWords === "" ? "" : `; its last words: ${facts.lastWords}`;
  const detail = `process "${process}" died of ${facts.cause.words}${words}`;
  if (facts.cause.intrusion) return { reason: "intrusion", process, detail, exitCode: EXIT.intrusion };
  if (role === "device") return { reason: "device-died", process, detail, exitCode: EXIT.processDied };
  return { reason: "vmm-died", process, detail, exitCode: EXIT.processDied };
}

/** The end by a watchdog whose action is `stop`: as a death, as far as exit codes go. */
export function endingOfExpiry(process: string): Ending {
  const detail = `the watchdog "${process}" expired: the guest did not reset it in time`;
  return { reason: "watchdog", process, detail, exitCode: EXIT.processDied };
}

/** The end that a process brings about which was killed because it made no progress. */
export function endingOfHang(process: string, role: "device" | "vmm", hang: { silentMs: number; detail: string }): Ending {
  const detail = `process "${process}" made no progress for ${hang.silentMs} ms and was killed: it ${hang.detail}`;
  if (role === "device") return { reason: "device-hung", process, detail, exitCode: EXIT.processDied };
  return { reason: "vmm-hung", process, detail, exitCode: EXIT.processDied };
}

/** The end that a process brings about which was killed because its monitor sent what QEMU does not send. */
export function endingOfGarbling(process: string, role: "device" | "vmm", { message }: Error): Ending {
  const detail = `process "${process}" was killed: ${message}`;
  return { reason: role === "device" ? "device-died" : "vmm-died", process, detail, exitCode: EXIT.processDied };
}

/** The end of a VM whose supervisor could not go on: a bug of ours, which must not leave the VM without anybody who decides. */
export function endingOfFailure(error: unknown): Ending {
  const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const detail = `its supervisor failed, please report it: ${told.replaceAll("\n", " | ")}`;
  return { reason: "supervisor-failed", process: null, detail, exitCode: EXIT.internal };
}

/** The same end, of a VM of which something is left: who thought that it ended well must know. */
export function endingWithRemains(ending: Ending, { message }: Error): Ending {
  const detail = `${ending.detail}; cleaning up after it failed: ${message}`;
  return { ...ending, detail, exitCode: ending.exitCode === EXIT.clean ? EXIT.hostCannot : ending.exitCode };
}
