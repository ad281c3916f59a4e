import { EXIT } from "../errors/index.js";
import type { ExitStatus } from "../kernel/index.js";
import type { LaunchPlan } from "../plan/index.js";
import { VMM_ID } from "../spec/index.js";
import { type Directories, logEvent, type OwnedRun } from "../state/index.js";
import { type CleanupStep, dismantle } from "./cleanup.js";
import { type Ending, endingOfDeath } from "./ending.js";
import type { Inspection } from "./inspect.js";
import type { Keeper } from "./keeper.js";
import type { MachineProcess } from "./machine_process.js";

/** How long device processes may take to follow a VMM that ended: their channel closes and they exit by themselves. */
const FOLLOW_GRACE_MS = 1000;
/** How long QEMU may take to quit, in ms: it flushes its block devices. */
const QUIT_GRACE_MS = 2000;

interface MachineParts {
  readonly plan: LaunchPlan;
  readonly verified: Inspection;
  readonly run: OwnedRun;
  readonly directories: Directories;
  readonly processes: ReadonlyMap<string, MachineProcess>;
  readonly keeper: Keeper;
  /** Gets the name of each step of the final cleanup as it begins. */
  readonly onCleanupStep?: (step: CleanupStep) => void;
}

/** A VM whose guest runs. Supervises until its end, then leaves nothing behind. */
export class RunningMachine {
  readonly plan: LaunchPlan;
  /** What every process held when it was verified, before the guest's first instruction. */
  readonly verified: Inspection;
  /** Settles when the VM has ended and everything is cleaned up. */
  readonly ended: Promise<Ending>;
  readonly #parts: MachineParts;
  readonly #settle: (ending: Ending) => void;
  #stopping = false;
  #causeOfPause: Ending | undefined;
  #intrusion: Ending | undefined;
  #guestShutDown = false;

  constructor(parts: MachineParts) {
    this.#parts = parts;
    this.plan = parts.plan;
    this.verified = parts.verified;
    let settle: (ending: Ending) => void = () => {};
    const decided = new Promise<Ending>((resolve) => {
      settle = resolve;
    });
    this.#settle = settle;
    this.ended = decided.then((ending) => this.#finish(ending));
    this.#vmm.monitor.onEvent((event) => {
      // `guest` is false for our own quit: qapi/run-state.json.
      if (event.event === "SHUTDOWN" && event.data["guest"] === true) this.#guestShutDown = true;
    });
    for (const [id, process] of parts.processes) void process.confined.ended.then((status) => this.#onDeath(id, status));
  }

  /** Pids by process id, as the launcher's /proc shows them. */
  get pids(): ReadonlyMap<string, number> {
    return new Map([...this.#parts.processes].map(([id, process]) => [id, process.confined.pid]));
  }

  /**
   * Orderly end: the guest is asked to power down, and after the plan's grace QEMU is told to quit. A second call, or a
   * QEMU that does not quit, ends every process at once. Resolves when the VMM has ended.
   */
  async stop(): Promise<void> {
    if (this.#stopping) return this.kill();
    this.#stopping = true;
    this.#parts.run.update({ state: "stopping" });
    logEvent(this.#parts.directories, { event: "stop", vm: this.plan.vm });
    for (const [command, graceMs] of [
      ["system_powerdown", this.plan.shutdownGraceMs],
      ["quit", QUIT_GRACE_MS],
    ] as const) {
      // A monitor that does not answer is a VMM that will be killed; its refusal has nobody to go to.
      this.#vmm.monitor.execute(command, undefined, graceMs).catch(() => {});
      if (await endsWithin(this.#vmm.confined.ended, graceMs)) return;
    }
    this.kill();
  }

  /** Ends the VM at once. */
  kill(): void {
    this.#stopping = true;
    for (const process of this.#parts.processes.values()) process.confined.kill();
  }

  get #vmm(): MachineProcess {
    const vmm = this.#parts.processes.get(VMM_ID);
    if (vmm === undefined) throw new Error("a machine without a VMM");
    return vmm;
  }

  async #onDeath(id: string, status: ExitStatus): Promise<void> {
    const process = this.#parts.processes.get(id);
    if (process === undefined) return;
    const death = endingOfDeath(id, id === VMM_ID ? "vmm" : "device", { status, lastWords: process.log.lastWords() });
    // Before everything else: neither a stop nor a shutdown, which a guest can ask for, may hide a refused call.
    if (death.reason === "intrusion") {
      this.#intrusion ??= death;
      this.#log("intrusion", death);
      return this.#decide(death);
    }
    if (id === VMM_ID) return this.#decide(this.#endingOfVmm(death, status));
    // Devices follow a VMM that ends, and may be seen first.
    if (this.#stopping || (await endsWithin(this.#vmm.confined.ended, FOLLOW_GRACE_MS))) return;
    this.#log("death", death);
    if (this.plan.onDeviceExit === "pause") return this.#pause(death);
    this.#decide(death);
  }

  #log(event: "intrusion" | "death", ending: Ending): void {
    const { process, detail } = ending;
    logEvent(this.#parts.directories, { event, vm: this.plan.vm, process, detail });
  }

  #endingOfVmm(death: Ending, status: ExitStatus): Ending {
    if (this.#guestShutDown && status.exitCode === 0) {
      return { reason: "guest-shutdown", process: null, detail: "the guest shut down", exitCode: EXIT.clean };
    }
    if (this.#stopping) return { reason: "stopped", process: null, detail: "the VM was stopped", exitCode: EXIT.clean };
    this.#log("death", death);
    return death;
  }

  /** Leaves the VM to an operator; a later stop ends it, with this death as its cause. */
  async #pause(ending: Ending): Promise<void> {
    this.#causeOfPause ??= ending;
    try {
      await this.#vmm.monitor.execute("stop");
      this.#parts.run.update({ state: "paused" });
    } catch {
      this.#decide(ending);
    }
  }

  #decide(ending: Ending): void {
    this.#settle(this.#causeOfPause ?? ending);
  }

  async #finish(ending: Ending): Promise<Ending> {
    const allEnded = Promise.all([...this.#parts.processes.values()].map((process) => process.confined.ended));
    if (ending.reason === "guest-shutdown" || ending.reason === "stopped") await endsWithin(allEnded, FOLLOW_GRACE_MS);
    this.kill();
    // Every death is judged: one that was decided later may be the intrusion that brought the others about.
    await endsWithin(allEnded, FOLLOW_GRACE_MS);
    for (const process of this.#parts.processes.values()) process.monitor.close();
    this.#parts.keeper.close();
    const { onCleanupStep } = this.#parts;
    await dismantle(this.#parts.directories, this.#parts.run, onCleanupStep === undefined ? {} : { onStep: onCleanupStep });
    return this.#intrusion ?? ending;
  }
}

async function endsWithin(promise: Promise<unknown>, graceMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), graceMs);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
