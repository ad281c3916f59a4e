import { closeSync } from "node:fs";
import { MachineError } from "../errors/index.js";
import { addon } from "../kernel/index.js";
import type { LaunchPlan, ProcessPlan } from "../plan/index.js";
import { CallGate, type ConfinedProcess, watchProcess } from "../sandbox/index.js";
import { VMM_ID } from "../spec/index.js";
import { findRun, identifyProcess, isAlive, type KnownRun, logEvent, OwnedRun, type RecordedProcess } from "../state/index.js";
import { type RunEvidence, readEvidence } from "../verify/index.js";
import { channelInodeOf } from "./channels.js";
import { signalProcess } from "./cleanup.js";
import { openControl } from "./control_server.js";
import { loadSyscallNames } from "./death_cause.js";
import { replaceLauncherPlan } from "./evidence.js";
import { Feed } from "./feed.js";
import { inspectRun } from "./inspect.js";
import { KEPT_AUDIT, Keeper, listenerName } from "./keeper.js";
import { KernelLog } from "./kernel_log.js";
import type { MachineProcess } from "./machine_process.js";
import { planSuccessor, type Successor } from "./prepare_launcher.js";
import { ProcessLog } from "./process_log.js";
import { QmpClient } from "./qmp_client.js";
import { logRefusals } from "./refused_call.js";
import { RunningMachine } from "./running_machine.js";
import { connectSerialEnd, takeLines } from "./serial_line.js";
import { removeStrays } from "./strays.js";
import type { PlanningContext } from "./supervision.js";

/** include/uapi/asm-generic/signal.h */
const SIGKILL = 9;

export interface AdoptRequest extends PlanningContext {
  readonly vm: string;
  /** Gets one escaped line of a process's output. */
  readonly onLogLine: (process: string, line: string) => void;
}

/**
 * Becomes the supervisor of a VM whose launcher died: takes its name, and from its keeper the monitors, logs and console. The
 * VM serves on meanwhile. Throws MachineError "not-orphaned" and "keeper-gone"; the VM is then as it was.
 */
export async function adopt(request: AdoptRequest): Promise<RunningMachine> {
  const { directories, vm } = request;
  const known = findRun(directories, vm);
  if (known?.state !== "orphaned") throw notOrphaned(vm, known?.state ?? "unknown");
  const run = OwnedRun.takeOver(known);
  if (run === null) throw notOrphaned(vm, "taken over by another launcher");
  try {
    const evidence = readEvidence(known);
    if (evidence === null) throw new Error(`the guest of ${vm} runs, and its launch kept no plan`);
    return await new Adoption(request, run, evidence).execute(known);
  } catch (error) {
    run.giveBack();
    throw error;
  }
}

class Adoption {
  readonly #request: AdoptRequest;
  readonly #run: OwnedRun;
  readonly #evidence: RunEvidence;
  readonly #feed = new Feed();

  constructor(request: AdoptRequest, run: OwnedRun, evidence: RunEvidence) {
    this.#request = request;
    this.#run = run;
    this.#evidence = evidence;
  }

  async execute(known: KnownRun): Promise<RunningMachine> {
    // The keeper last: whatever fails before it leaves the VM as it was.
    const successor = await planSuccessor(this.#request, this.#evidence.plan);
    const keeper = Keeper.connect(this.#evidence.plan.vm, this.#run.directory);
    try {
      return await this.#supervise(known, keeper, successor);
    } catch (error) {
      // So that it serves the next one.
      keeper.close();
      throw error;
    }
  }

  async #supervise(
    known: KnownRun,
    keeper: Keeper,
    { launcher: launcherPlan, launcherFilter }: Successor,
  ): Promise<RunningMachine> {
    const { spec } = this.#evidence;
    const { directories } = this.#request;
    const plan: LaunchPlan = { ...this.#evidence.plan, launcher: launcherPlan };
    await this.#endStrays();
    const kept = keeper.take();
    const processes = new Map(plan.processes.map((process) => [process.id, this.#adoptProcess(process, kept)] as const));
    this.#connectSerialEnds(kept);
    const kernelLog = new KernelLog(kept.get(KEPT_AUDIT) ?? null);
    kept.delete(KEPT_AUDIT);
    // What is left is of processes that have ended, or has a name that this version does not know.
    for (const fd of kept.values()) closeSync(fd);
    const [state] = await Promise.all([resumeMonitors(processes), loadSyscallNames()]);
    const launcher = identifyProcess(process.pid);
    if (launcher === null) throw new Error("/proc does not show the launcher itself");
    replaceLauncherPlan(this.#run, launcherPlan);
    this.#run.update({ launcher, launcherConfined: false, state });
    const verified = inspectRun(known);
    const parts = { run: this.#run, processes, keeper, kernelLog };
    const machine = new RunningMachine({ ...parts, plan, verified, directories, launcherFilter });
    const { onLogLine } = this.#request;
    openControl({ ...parts, machine, feed: this.#feed, spec, planning: this.#request, onLogLine });
    logEvent(directories, { event: "adopted", vm: plan.vm, differences: verified.differences.length });
    return machine;
  }

  /** A device that was being added when the launcher died, or had just been removed, is not in the plan. */
  async #endStrays(): Promise<void> {
    const { plan } = this.#evidence;
    const planned = (recorded: RecordedProcess): boolean => plan.processes.some(({ id }) => id === recorded.id);
    for (const stray of this.#run.record.processes) if (!planned(stray)) signalProcess(stray, SIGKILL);
    await removeStrays(plan, this.#run, this.#request.directories);
  }

  #adoptProcess(plan: ProcessPlan, kept: Map<string, number>): MachineProcess {
    const recorded = this.#run.record.processes.find(({ id }) => id === plan.id);
    const show = (line: string): void => {
      this.#request.onLogLine(plan.id, line);
      this.#feed.publish({ kind: "log", process: plan.id, line });
    };
    const confined = confinedOf(plan, recorded, kept);
    logRefusals(this.#request.directories, this.#evidence.plan.vm, confined);
    return {
      confined,
      monitor: hasMonitor(plan) ? new QmpClient(takeFd(kept, `${plan.id}/monitor`), plan.id) : null,
      log: new ProcessLog(takeFd(kept, `${plan.id}/log`), show),
      channelInode: channelInodeOf(plan, this.#evidence.started.find(({ plan: { id } }) => id === plan.id)?.held ?? []),
    };
  }

  /** With the files that the dead launcher had opened. A console that went to its terminal goes to those who follow alone. */
  #connectSerialEnds(kept: Map<string, number>): void {
    const ids = this.#evidence.plan.processes.flatMap(({ id }) => (kept.has(`${id}/serial`) ? [id] : []));
    const files = takeLines(kept, ids);
    for (const id of ids) {
      connectSerialEnd({ id, fd: takeFd(kept, `${id}/serial`) }, files, { stdio: null, feed: this.#feed });
    }
  }
}

function hasMonitor({ fds }: ProcessPlan): boolean {
  return fds.some(({ source }) => source.from === "monitor");
}

/** The process on record; one that is not alive any more counts as ended, so that its death is dealt with like any other. */
function confinedOf(plan: ProcessPlan, recorded: RecordedProcess | undefined, kept: Map<string, number>): ConfinedProcess {
  const ended: ConfinedProcess = {
    plan,
    pid: recorded?.pid ?? 0,
    session: recorded?.session ?? 0,
    ...(recorded === undefined ? {} : { startTime: recorded.startTime }),
    gate: null,
    ended: Promise.resolve({ exitCode: null, signal: null }),
    kill: () => {},
    signal: () => {},
  };
  if (recorded === undefined) return ended;
  let pidfd: number;
  try {
    pidfd = addon.openPidfd({ pid: recorded.pid });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return ended;
    throw error;
  }
  // The pidfd is open now, so that what is identified here is what it names.
  if (isAlive(recorded)) {
    const { pid, session, startTime } = recorded;
    const gate = resumedGate(plan, { pid, pidfd }, kept);
    return { ...watchProcess(plan, { pid, session, pidfd, gate }), startTime };
  }
  closeSync(pidfd);
  return ended;
}

/** The gate of a process whose listener the keeper holds. */
function resumedGate(plan: ProcessPlan, process: { pid: number; pidfd: number }, kept: Map<string, number>): CallGate | null {
  const listenerFd = kept.get(listenerName(plan.id));
  kept.delete(listenerName(plan.id));
  if (listenerFd === undefined) return null;
  const gate = new CallGate(plan);
  return gate.takeOver({ ...process, listenerFd }) ? gate : null;
}

/** A stream that the keeper holds, or one that has ended, where the process at its other end has. */
function takeFd(kept: Map<string, number>, name: string): number {
  const fd = kept.get(name);
  kept.delete(name);
  if (fd !== undefined) return fd;
  const [own, peer] = addon.socketPair();
  closeSync(peer);
  return own;
}

/** Takes all monitors over; the VMM's says whether the guest runs. A process that does not answer is found out later. */
async function resumeMonitors(processes: ReadonlyMap<string, MachineProcess>): Promise<"running" | "paused"> {
  const answers = await Promise.all(
    [...processes].map(async ([id, { monitor }]) => [id, await monitor?.resume(RESUME_DEADLINE_MS).catch(() => null)] as const),
  );
  const status = new Map(answers).get(VMM_ID) as { readonly status?: unknown } | null | undefined;
  return status?.status === "paused" ? "paused" : "running";
}

/** A healthy QEMU answers within milliseconds; one with a stopped device not before that is dealt with. */
const RESUME_DEADLINE_MS = 2000;

function notOrphaned(vm: string, state: string): MachineError {
  return new MachineError({
    code: "not-orphaned",
    tried: `Cannot take over VM "${vm}"`,
    subject: vm,
    answer: `its state is ${state}`,
    remedy: "Only a VM whose launcher died needs another; `bulkhead ps` shows it as orphaned.",
  });
}
