import { closeSync, existsSync, readFileSync } from "node:fs";
import { getSystemErrorName } from "node:util";
import { SandboxError } from "../errors/index.js";
import {
  addon,
  answerOf,
  type ChildOperation,
  type ExitStatus,
  isSystemError,
  type SpawnRequest,
  type SpawnResult,
} from "../kernel/index.js";
import type { ProcessPlan } from "../plan/index.js";
import { CallGate } from "./call_gate.js";
import { openLeafCgroup } from "./cgroup.js";
import { type BootFile, openChildMounts } from "./child_mounts.js";
import { childOperations, cloneFlags } from "./child_operations.js";
import { exitOfOther } from "./exit_of_other.js";
import { openLandlockRuleset } from "./landlock.js";
import type { Session } from "./session.js";

/** Longest wait for a child to reach exec, in ms. It only makes system calls; a host under load takes some 20 ms. */
const EXEC_DEADLINE_MS = 10_000;

export interface StartRequest {
  readonly plan: ProcessPlan;
  /** Manifest number to the launcher's fd; the launcher keeps and closes its own. */
  readonly manifest: ReadonlyMap<number, number>;
  readonly filter: Buffer;
  readonly bootFiles: readonly BootFile[];
  readonly session: Session;
  /** For tests: changes what the child is told, to see that the launch notices. */
  readonly alterSpawn?: AlterSpawn;
}

export type AlterSpawn = (id: string, request: SpawnRequest) => SpawnRequest;

/** A process that runs its program under every layer that precedes exec. */
export interface ConfinedProcess {
  readonly plan: ProcessPlan;
  readonly pid: number;
  /** Number of its session. */
  readonly session: number;
  /** Of a process that another launcher started, in clock ticks since boot: what tells its pid's records from earlier ones. */
  readonly startTime?: string;
  /** Answers its notified calls; null for a process that another launcher started and whose listener is lost. */
  readonly gate: CallGate | null;
  /** Settles once, when the process has ended and is reaped. */
  readonly ended: Promise<ExitStatus>;
  /** Sends SIGKILL; does nothing when it has ended. */
  kill(): void;
  /** Sends a signal; does nothing when it has ended. */
  signal(number: number): void;
}

/** Starts one process by its plan. Throws SandboxError with the step that failed; then nothing of it is left. */
export async function startProcess(request: StartRequest): Promise<ConfinedProcess> {
  return watchProcess(request.plan, await spawnProcess(request));
}

/** The same for whoever hands the process over to another: nobody watches it yet, and its pidfd is the caller's. */
export async function spawnProcess(request: StartRequest): Promise<WatchedProcess> {
  const { plan } = request;
  const resources = new ChildResources();
  try {
    const { gate, spawn: planned } = prepareSpawn(request, resources);
    const spawn = request.alterSpawn?.(plan.id, planned) ?? planned;
    const result = await addon.spawnConfined(spawn);
    if (result.failed) {
      gate.close();
      throw spawnFailure(plan, spawn.operations, result);
    }
    gate.serve(result.pid);
    return { pid: result.pid, pidfd: result.pidfd, session: request.session.id, gate };
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    throw new SandboxError({
      code: "process-unprepared",
      tried: `Cannot prepare process "${plan.id}"`,
      subject: plan.id,
      answer: answerOf(cause),
      remedy: "Run `bulkhead doctor`.",
      cause,
    });
  } finally {
    resources.close();
  }
}

/** Fds that the launcher needs until the child has made them its own. */
class ChildResources {
  readonly #open: number[] = [];

  keep(fd: number): number {
    this.#open.push(fd);
    return fd;
  }

  close(): void {
    for (const fd of this.#open) closeSync(fd);
  }
}

/** Linux 6.3 and later have it, one for each pid namespace. */
function readMemfdNoexec(): number | null {
  const path = "/proc/sys/vm/memfd_noexec";
  return existsSync(path) ? Number(readFileSync(path, "utf8")) : null;
}

function prepareSpawn(request: StartRequest, resources: ChildResources): { gate: CallGate; spawn: SpawnRequest } {
  const { plan } = request;
  const root = plan.root.find((entry) => entry.target === "/");
  if (root === undefined) throw new Error(`the plan of ${plan.id} has no root`);
  const keep = (fd: number): number => resources.keep(fd);
  // First, so that it is made while the rest is prepared.
  const networkSocket = plan.namespaces.includes("net") ? keep(addon.beginNetworkNamespace()) : -1;
  const mounts = openChildMounts({ plan, rootPath: root.source, bootFiles: request.bootFiles, keep });
  const landlock = plan.landlock === null ? null : keep(openLandlockRuleset(plan.landlock, mounts));
  const gate = new CallGate(plan);
  const spawn: SpawnRequest = {
    operations: childOperations(
      plan,
      {
        ...{ ...mounts, landlock, manifest: request.manifest },
        ...{ launcherKeyring: addon.sessionKeyring(), memfdNoexec: readMemfdNoexec() },
      },
      request.filter,
    ),
    argv: plan.argv,
    environment: Object.entries(plan.env).map(([name, value]) => `${name}=${value}`),
    namespaces: cloneFlags(plan),
    cgroupFd: plan.cgroup === null ? -1 : keep(openLeafCgroup(plan.cgroup)),
    session: request.session.native,
    networkSocket,
    userMap: `${plan.uid} ${plan.uid} 1`,
    groupMap: `${plan.gid} ${plan.gid} 1`,
    gate: gate.native,
    deadlineMs: EXEC_DEADLINE_MS,
  };
  return { gate, spawn };
}

/** A process that runs, by its pidfd, which is taken over. */
export interface WatchedProcess {
  readonly pid: number;
  readonly pidfd: number;
  /** Number of its session. */
  readonly session: number;
  /** Closed when it has ended. */
  readonly gate: CallGate | null;
}

/**
 * A process that runs already. Of one that another launcher started, `ended` gives what exitOfOther() can find out: from
 * kernels before Linux 6.15 neither code nor signal.
 */
export function watchProcess(plan: ProcessPlan, { pid, pidfd, session, gate }: WatchedProcess): ConfinedProcess {
  let live = true;
  const ended = addon.waitExit({ pidfd, keepAlive: true }).then(async (own) => {
    live = false;
    const status = own.exitCode === null && own.signal === null ? await exitOfOther(pidfd) : own;
    closeSync(pidfd);
    gate?.close();
    return status;
  });
  const signal = (number: number): void => {
    if (live) addon.sendSignal({ pidfd, signal: number });
  };
  return { plan, pid, session, gate, ended, signal, kill: () => signal(9) };
}

function errorName(error: number): string {
  return error === 0 ? "it succeeded" : getSystemErrorName(-error);
}

/** What each probe of a child proves. */
const PROBED: Readonly<Record<string, string>> = {
  "expect-ambient": "securebits",
  "expect-securebits": "securebits",
  "expect-open": "landlock",
  "expect-own-keyring": "the session keyring",
};

function wordProbe(operation: ChildOperation | undefined, result: SpawnResult): string {
  if (operation?.step === "expect-own-keyring")
    return result.error === 0 ? "it is the launcher's" : `keyctl: ${errorName(result.error)}`;
  if (operation?.step === "expect-securebits") return `they are not 0x${operation.number?.toString(16)}`;
  const expected = operation?.number === 0n ? "success" : errorName(Number(operation?.number));
  return `expected ${expected}, observed ${result.error === 0 ? "success" : errorName(result.error)}`;
}

function spawnFailure(plan: ProcessPlan, operations: readonly ChildOperation[], result: SpawnResult): SandboxError {
  const tried = `Cannot start process "${plan.id}"`;
  const subject = plan.id;
  if (result.call !== null) {
    return new SandboxError({ code: "spawn-failed", tried, subject, answer: `${result.call}: ${errorName(result.error)}` });
  }
  const operation = operations[result.operation];
  const step = operation?.step ?? "end of the list";
  const answer = result.killed > 0 ? `killed by signal ${result.killed}` : errorName(result.error);
  const probed = PROBED[step];
  if (probed !== undefined) {
    const tested = `${tried}: the probe of ${probed} was not answered as it must be`;
    return new SandboxError({ code: "probe-failed", tried: tested, subject, answer: wordProbe(operation, result) });
  }
  return new SandboxError({ code: "step-failed", tried: `${tried}: step ${step}`, subject, answer });
}
