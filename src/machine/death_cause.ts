import { closeSync, openSync, readFileSync, readSync } from "node:fs";
import { basename } from "node:path";
import type { ExitStatus } from "../kernel/index.js";
import type { ProcessPlan } from "../plan/index.js";
import type { CallGate, RefusedCall } from "../sandbox/index.js";
import { describeExit, isUnknown } from "./ending.js";
import type { KernelLog, RecordedFault } from "./kernel_log.js";
import { logTimeOfStart } from "./kernel_log_time.js";
import { wordCall } from "./refused_call.js";

/** Why a process died, as far as anything tells. */
export interface DeathCause {
  /** `SIGSYS: its seccomp filter refused execve`. */
  readonly words: string;
  /** It tried what its policy does not grant. */
  readonly intrusion: boolean;
  /** Name of the refused call; null for another death, or when neither the audit log nor the kernel's log names it. */
  readonly syscall: string | null;
  /** How it ended, as far as is known. */
  readonly status: ExitStatus;
  /** The event log has this call already, from when it was refused. */
  readonly isLogged?: boolean;
}

/** include/uapi/asm-generic/signal.h */
const SIGKILL = 9;
const SIGSEGV = 11;
const SIGSYS = 31;

/** The audit log is written by a kernel thread, after the death may have been seen; longest wait for it, in ms. */
const RECORD_DEADLINE_MS = 250;
const RECORD_POLL_MS = 5;

/** A process that died, as its death is explained. */
export interface DeadProcess {
  readonly pid: number;
  readonly plan: Pick<ProcessPlan, "cgroup" | "root">;
  /** As ConfinedProcess has it. */
  readonly startTime?: string;
  /** Likewise. */
  readonly gate?: Pick<CallGate, "fatal"> | null;
}

/**
 * How a process ended that is not our child, where the kernel does not say: the logs name the process that a filter killed, and
 * the one that faulted, where a record can be its own, and its group counts kills for lack of memory. Any other end stays unknown.
 */
async function inferStatus(process: DeadProcess, status: ExitStatus, kernelLog: KernelLog): Promise<ExitStatus> {
  if (!isUnknown(status)) return status;
  const { pid, startTime } = process;
  const sinceUs = startTime === undefined ? 0 : logTimeOfStart(startTime);
  const refused = await awaitRecord(() => kernelLog.refusedCall(pid, sinceUs));
  if (refused !== null) return { exitCode: null, signal: SIGSYS };
  if (kernelLog.fault(pid, sinceUs) !== null) return { exitCode: null, signal: SIGSEGV };
  return wasOutOfMemory(process.plan) ? { exitCode: null, signal: SIGKILL } : status;
}

/**
 * Asks the kernel's logs and the process's cgroup. Call it before the cgroup is removed. Never throws: a death that may have been
 * a refused call and cannot be explained counts as an intrusion.
 */
export async function explainDeath(process: DeadProcess, told: ExitStatus, kernelLog: KernelLog): Promise<DeathCause> {
  try {
    // What its gate has to say of a death was sent before the death, and comes by the same loop.
    await new Promise((resolve) => setImmediate(resolve));
    const fatal = process.gate?.fatal ?? null;
    if (fatal !== null) return { ...(await explainFatalCall(fatal)), status: told };
    const { pid, plan } = process;
    const status = await inferStatus(process, told, kernelLog);
    return { ...(await explainStatus({ pid, plan }, status, kernelLog)), status };
  } catch (error) {
    const words = `${describeExit(told)}; asking why failed: ${error instanceof Error ? error.message : String(error)}`;
    return { words, intrusion: told.signal === SIGSYS || isUnknown(told), syscall: null, status: told };
  }
}

type Explanation = Omit<DeathCause, "status">;

async function explainFatalCall(fatal: RefusedCall): Promise<Explanation> {
  const { syscall, words } = await wordCall(fatal);
  return { words: `a call that it may not make any more, and was ended for: ${words}`, intrusion: true, syscall, isLogged: true };
}

async function explainStatus({ pid, plan }: DeadProcess, status: ExitStatus, kernelLog: KernelLog): Promise<Explanation> {
  if (status.signal === SIGSYS) return explainRefusal(pid, status, kernelLog);
  if (status.signal === SIGSEGV) return harmless(explainFault(plan, kernelLog.fault(pid)));
  if (status.signal === SIGKILL) return harmless(explainKill(plan));
  return harmless(describeExit(status));
}

function harmless(words: string): Explanation {
  return { words, intrusion: false, syscall: null };
}

/**
 * glibc's abort() sends SIGABRT with it, which no role may do: QEMU's failed assertions end so. It is no sign of an intrusion,
 * for the only process that the call could reach is its own, alone in its pid namespace. Number: asm/unistd_64.h.
 */
const CALL_OF_ABORT = 234;

/** The name of a syscall by its number; before the table is loaded there is none. */
let nameOf: (number: number) => string | undefined = () => undefined;

/**
 * Loads the table of syscalls, which a launch that reads its policies from the cache has no other use for. Before the guest runs:
 * when a call is refused the files of this program may have been replaced by another version's. What cannot be loaded is told by
 * number.
 */
export async function loadSyscallNames(): Promise<void> {
  await import("../seccomp/index.js").then(
    ({ syscallName }) => {
      nameOf = syscallName;
    },
    () => {},
  );
}

async function explainRefusal(pid: number, status: ExitStatus, kernelLog: KernelLog): Promise<Explanation> {
  const call = await awaitRecord(() => kernelLog.refusedCall(pid));
  if (call === null) return { words: `${describeExit(status)}; no audit record names it`, intrusion: true, syscall: null };
  if (call === CALL_OF_ABORT) {
    return { words: "abort(), whose tgkill its seccomp filter refused", intrusion: false, syscall: "tgkill" };
  }
  const syscall = nameOf(call) ?? String(call);
  return { words: `SIGSYS: its seccomp filter refused ${syscall}`, intrusion: true, syscall };
}

async function awaitRecord(read: () => number | null): Promise<number | null> {
  const deadline = Date.now() + RECORD_DEADLINE_MS;
  for (let found = read(); ; found = read()) {
    if (found !== null || Date.now() >= deadline) return found;
    await new Promise((resolve) => setTimeout(resolve, RECORD_POLL_MS));
  }
}

/**
 * As pid 1 of its namespace a process cannot end itself with SIGABRT (pid_namespaces(7)), so that abort() comes to its last
 * resort, the privileged instruction HLT: a general protection fault, and a SIGSEGV that looks like any other.
 */
function explainFault(plan: Pick<ProcessPlan, "root">, fault: RecordedFault | null): string {
  if (fault === null) return "SIGSEGV (a fault; or abort(), which ends the pid 1 of a namespace so)";
  const place = fault.file === null ? "" : ` in ${fault.file}`;
  if (isHalt(plan, fault)) return "abort(), as SIGSEGV: as pid 1 of its namespace it cannot die of SIGABRT";
  return `SIGSEGV: ${fault.what}${place}`;
}

/** HLT: Intel SDM volume 2, opcode F4. */
const HLT = 0xf4;

/** Whether the instruction that faulted is the one that abort() ends with; read from the file of the private root. */
function isHalt(plan: Pick<ProcessPlan, "root">, { what, file, offset }: RecordedFault): boolean {
  const root = plan.root.find((entry) => entry.target === "/")?.source;
  const mapped = plan.root.find((entry) => entry.kind === "bind" && entry.target !== "/" && basename(entry.target) === file);
  if (what !== "general protection fault" || offset === null || root === undefined || mapped === undefined) return false;
  try {
    const fd = openSync(`${root}${mapped.target}`, "r");
    try {
      const instruction = Buffer.alloc(1);
      return readSync(fd, instruction, 0, 1, offset) === 1 && instruction[0] === HLT;
    } finally {
      closeSync(fd);
    }
  } catch {
    return false; // The private root is being replaced: then the fault is told as it is.
  }
}

function explainKill(plan: Pick<ProcessPlan, "cgroup">): string {
  if (!wasOutOfMemory(plan)) return "SIGKILL";
  const limitBytes = plan.cgroup?.files["memory.max"];
  return `SIGKILL: it was out of memory${limitBytes === undefined ? "" : ` (its cgroup has memory.max ${limitBytes})`}`;
}

/** A fresh cgroup has counted no OOM kill before: memory.events of Documentation/admin-guide/cgroup-v2.rst. */
function wasOutOfMemory({ cgroup }: Pick<ProcessPlan, "cgroup">): boolean {
  if (cgroup === null) return false;
  try {
    return /^oom_kill [1-9]/m.test(readFileSync(`${cgroup.path}/memory.events`, "utf8"));
  } catch {
    return false; // No memory controller here.
  }
}
