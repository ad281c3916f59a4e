import type { MachineError } from "../errors/index.js";
import type { ExitStatus } from "../kernel/index.js";
import type { LaunchPlan } from "../plan/index.js";
import { VMM_ID, type WatchdogAction } from "../spec/index.js";
import { logEvent } from "../state/index.js";
import { closeMachine } from "./close_machine.js";
import { type Ending, endingOfExpiry, endingOfFailure, endingOfGarbling, endingOfHang, isInOrder, roleOf } from "./ending.js";
import { endsWithin } from "./ends_within.js";
import { type Hang, HangWatch } from "./hang_watch.js";
import type { Inspection } from "./inspect.js";
import { type Judgement, judgeDeath } from "./judge_death.js";
import { type MachineParts, noteState } from "./machine_parts.js";
import { type MachineProcess, monitorOf } from "./machine_process.js";
import { endingInOrder, powerDown, quit, type VmmEnd } from "./vmm_end.js";
import { actOnExpiry, onExpiry } from "./watchdog.js";

/** How long device processes may take to follow a VMM that ended: their channel closes and they exit by themselves. */
const FOLLOW_GRACE_MS = 1000;

/** Ends that begin with the VMM and that device processes follow in order. */
const FOLLOWED: readonly Ending["reason"][] = ["guest-shutdown", "stopped"];

/** A VM whose guest runs. Supervises until its end, then leaves nothing behind. */
export class RunningMachine {
  /** What every process held when it was verified, before the guest's first instruction. */
  readonly verified: Inspection;
  /** Settles when the VM has ended and everything is cleaned up, or is left for `gc`. Never rejects. */
  readonly ended: Promise<Ending>;
  readonly #parts: MachineParts;
  readonly #settle: (ending: Ending) => void;
  readonly #leaving = new Set<MachineProcess>();
  #plan: LaunchPlan;
  readonly #watch: HangWatch;
  /** Processes that the supervisor killed, with what for. */
  readonly #killed = new Map<string, Ending>();
  readonly #judgements: Promise<void>[] = [];
  #stopping = false;
  /** The VM ends, by whoever's wish: nothing more needs to be done about a device that dies, but to tell it. */
  #isEnding = false;
  #isOver = false;
  /** Every process is being killed by us: no death tells anything any more, an intrusion excepted. */
  #killing = false;
  #cause: Ending | undefined;
  #intrusion: Ending | undefined;
  /** Whose wish it was that QEMU's SHUTDOWN event told; null while there was none. */
  #shutDownBy: "guest" | "host" | null = null;

  constructor(parts: MachineParts) {
    this.#parts = parts;
    this.#plan = parts.plan;
    this.verified = parts.verified;
    let settle: (ending: Ending) => void = () => {};
    const decided = new Promise<Ending>((resolve) => {
      settle = resolve;
    });
    this.#settle = settle;
    this.ended = decided.then((ending) => this.#finish(ending)).catch(endingOfFailure);
    monitorOf(this.#vmm).onEvent((event) => {
      // `guest` is false for our own quit and for a signal: qapi/run-state.json.
      if (event.event === "SHUTDOWN") this.#shutDownBy = event.data["guest"] === true ? "guest" : "host";
    });
    this.#watch = new HangWatch({ deadlineMs: parts.plan.hangDeadlineMs, onHang: (hang) => this.#onHang(hang) });
    for (const process of parts.processes.values()) this.watch(process);
  }

  /** The VM as it is now: devices may have been added and removed since its launch. */
  get plan(): LaunchPlan {
    return this.#plan;
  }

  replacePlan(plan: LaunchPlan): void {
    this.#plan = plan;
  }

  /** Watches a process that is among the machine's, and judges its end. */
  watch(process: MachineProcess): void {
    const { confined, monitor, channelInode } = process;
    const { id, onWatchdog: action } = confined.plan;
    this.#watch.add({ id, pid: confined.pid, monitor, channelInode });
    void confined.ended.then((status) => this.#judgements.push(this.#guard(this.#onDeath(process, status))));
    monitor?.onGarbled((failure) => this.#onGarbled(process, failure));
    if (action !== undefined && monitor !== null) onExpiry(monitor, () => void this.#guard(this.#onWatchdog(id, action)));
  }

  /** Work that nobody waits for: when it fails the VM ends, rather than serve on with nobody who decides. */
  #guard(work: Promise<void>): Promise<void> {
    return work.catch((error) => this.#decide(endingOfFailure(error)));
  }

  /** The VMM has let go of this device: that its process ends is no death. */
  expectEnd(id: string): void {
    const process = this.#parts.processes.get(id);
    if (process !== undefined) this.#leaving.add(process);
    this.#watch.remove(id);
  }

  /** Pids by process id, as the launcher's /proc shows them. */
  get pids(): ReadonlyMap<string, number> {
    return new Map([...this.#parts.processes].map(([id, process]) => [id, process.confined.pid]));
  }

  /** Has the launcher confined and puts that on record; not when the VM is over, whose places in the plan are being removed. */
  confineLauncher(confine: (filter: Buffer) => void): void {
    if (this.#isOver) return;
    confine(this.#parts.launcherFilter);
    this.#parts.run.update({ launcherConfined: true });
    const { capabilities } = this.plan.launcher;
    logEvent(this.#parts.directories, { event: "launcher-confined", vm: this.plan.vm, capabilities });
  }

  /**
   * Orderly end: the guest is asked to power down, and after the plan's grace QEMU is told to quit. A second call, or a
   * QEMU that does not quit, ends every process at once. Resolves when the VMM has ended.
   */
  async stop(): Promise<void> {
    if (this.#stopping) return this.kill();
    this.#stopping = true;
    this.#isEnding = true;
    this.#watch.stop();
    noteState(this.#parts, "stopping");
    logEvent(this.#parts.directories, { event: "stop", vm: this.plan.vm });
    if (!(await powerDown(this.#vmm, this.plan.shutdownGraceMs)) && !(await quit(this.#vmm))) this.kill();
  }

  /** Ends the VM at once. */
  kill(): void {
    this.#stopping = true;
    this.#killing = true;
    this.#watch.stop();
    for (const process of this.#parts.processes.values()) process.confined.kill();
  }

  get #vmm(): MachineProcess {
    const vmm = this.#parts.processes.get(VMM_ID);
    if (vmm === undefined) throw new Error("a machine without a VMM");
    return vmm;
  }

  async #onDeath(process: MachineProcess, told: ExitStatus): Promise<void> {
    const { id } = process.confined.plan;
    const byUs = this.#killing;
    if (this.#parts.processes.get(id) === process) this.#watch.remove(id);
    const { death, status } = await this.#judge(process, told);
    // Before everything else: neither a stop nor a shutdown, which a guest can ask for, may hide a refused call.
    if (death.reason === "intrusion") return this.#decide(death);
    const stopping = this.#stopping;
    if (id === VMM_ID) return this.#endVm({ status, byUs, stopping, shutDownBy: this.#shutDownBy }, death);
    const killed = this.#killed.has(id);
    if (this.#leaving.has(process) || byUs) return;
    // Devices follow a VMM that ends, and may be seen first. What one dies of otherwise is no following, whatever goes on.
    const follows = !killed && isInOrder(status);
    if (follows && stopping) return;
    if ((follows || this.#shutDownBy !== null) && (await this.#vmmEnds()) && follows) return;
    // The VMM tells that a guest let a device go at the time at which it closes the channel.
    if (this.#leaving.has(process)) return;
    if (!killed) this.#logDeath(id, death);
    // The other devices follow in order, as they would have: what they still have to write would be lost otherwise.
    if (this.#isEnding) this.#cause ??= death;
    else if (this.plan.onDeviceExit === "pause") await this.#pause(death);
    else this.#decide(death);
  }

  #vmmEnds(): Promise<boolean> {
    return endsWithin(this.#vmm.confined.ended, FOLLOW_GRACE_MS);
  }

  async #judge(process: MachineProcess, told: ExitStatus): Promise<Judgement> {
    const { directories, kernelLog } = this.#parts;
    const judged = await judgeDeath(process, told, { vm: this.plan.vm, directories, kernelLog });
    if (judged.death.reason === "intrusion") {
      this.#intrusion ??= judged.death;
      return judged;
    }
    return { ...judged, death: this.#killed.get(process.confined.plan.id) ?? judged.death };
  }

  /** Killed first: the VMM's monitor may be blocked for as long as a stopped device holds a virtual CPU. */
  #onHang(hang: Hang): void {
    const { process, detail, silentMs } = hang;
    this.#killed.set(process, endingOfHang(process, roleOf(process), hang));
    logEvent(this.#parts.directories, { event: "hang", vm: this.plan.vm, process, detail: `"${process}" ${detail}`, silentMs });
    this.#parts.processes.get(process)?.confined.kill();
  }

  /** A process that does not speak QMP any more has been taken over, or is broken; neither is kept. */
  #onGarbled({ confined }: MachineProcess, failure: MachineError): void {
    const { id } = confined.plan;
    if (this.#killed.has(id)) return;
    const ending = endingOfGarbling(id, roleOf(id), failure);
    this.#killed.set(id, ending);
    this.#logDeath(id, ending);
    confined.kill();
  }

  #logDeath(process: string, { detail }: Ending): void {
    logEvent(this.#parts.directories, { event: "death", vm: this.plan.vm, process, detail });
  }

  #endVm(vmmEnd: VmmEnd, death: Ending): void {
    const inOrder = endingInOrder(vmmEnd);
    if (inOrder === null && death.reason === "vmm-died" && !this.#killed.has(VMM_ID)) this.#logDeath(VMM_ID, death);
    this.#decide(inOrder ?? death);
  }

  /** Leaves the VM to an operator; a later stop ends it, with this death as its cause. */
  async #pause(ending: Ending): Promise<void> {
    this.#cause ??= ending;
    this.#watch.stop();
    try {
      await monitorOf(this.#vmm).execute("stop");
      noteState(this.#parts, "paused");
      const { process, detail } = ending;
      if (process !== null) logEvent(this.#parts.directories, { event: "pause", vm: this.plan.vm, process, detail });
    } catch {
      this.#decide(ending);
    }
  }

  async #onWatchdog(id: string, action: WatchdogAction): Promise<void> {
    if (this.#stopping) return;
    const outcome = await actOnExpiry(monitorOf(this.#vmm), action);
    logEvent(this.#parts.directories, { event: "watchdog", vm: this.plan.vm, process: id, ...outcome });
    if (outcome.action === "pause" && !this.#stopping) noteState(this.#parts, "paused");
    if (outcome.action !== "stop" || this.#stopping) return;
    this.#cause ??= endingOfExpiry(id);
    this.#stopping = true;
    // The guest is past being asked, but QEMU is: it flushes its block devices, and its devices follow.
    if (!(await quit(this.#vmm))) this.kill();
  }

  #decide(ending: Ending): void {
    this.#isEnding = true;
    // An end in order may yet become another by a device that dies before it could follow.
    if (!FOLLOWED.includes(ending.reason)) this.#cause ??= ending;
    this.#settle(ending);
  }

  async #finish(ending: Ending): Promise<Ending> {
    const allEnded = Promise.all([...this.#parts.processes.values()].map((process) => process.confined.ended));
    if (FOLLOWED.includes(ending.reason)) await endsWithin(allEnded, FOLLOW_GRACE_MS);
    this.kill();
    // Every death is judged: one that was decided later may be the intrusion that brought the others about.
    await endsWithin(allEnded, FOLLOW_GRACE_MS);
    await Promise.all(this.#judgements);
    this.#isOver = true;
    return closeMachine(this.#parts, this.#intrusion ?? this.#cause ?? ending);
  }
}
