import { MachineError, SpecError } from "../errors/index.js";
import { type ProcessPlan, planWithoutDevice, type VmCgroupPlan } from "../plan/index.js";
import { removeCgroup, setCgroupLimits } from "../sandbox/index.js";
import { VMM_ID } from "../spec/index.js";
import { logEvent, releaseUids } from "../state/index.js";
import type { AdditionReport } from "./addition_facts.js";
import { changeEvidence } from "./evidence.js";
import type { Handover } from "./handover.js";
import { Addition, endProcess, letGoOfLines } from "./hot_plug_addition.js";
import { type MachineProcess, monitorOf } from "./machine_process.js";
import type { QmpClient } from "./qmp_client.js";
import type { Supervision } from "./supervision.js";
import type { Talk } from "./talk.js";

/** Adds devices to a running VM and takes them away again, one at a time. */
export class HotPlug {
  readonly #supervision: Supervision;
  readonly #handover: Handover;
  #last: Promise<unknown> = Promise.resolve();

  constructor(supervision: Supervision, handover: Handover) {
    this.#supervision = supervision;
    this.#handover = handover;
    this.#vmm.onEvent(({ event, data }) => {
      const id = data["device"];
      // Asked for by us, or the guest's own doing: it may power a slot off at any time.
      if (event === "DEVICE_DELETED" && typeof id === "string" && this.#added(id) !== undefined) this.#afterRemoval(id);
    });
  }

  /**
   * Takes over a device process that the other side of the talk starts, confined and verified as at launch, and joins it to the
   * VMM. A failure at any step, on either side, leaves the VM as it was.
   */
  add(id: string, talk: Talk): Promise<AdditionReport> {
    return this.#inTurn(async () => {
      const addition = new Addition(this.#supervision, this.#handover);
      try {
        return await addition.execute(id, talk);
      } catch (error) {
        for (const failure of await addition.undo()) this.#tellRemains(failure);
        throw error;
      }
    });
  }

  /**
   * Asks the guest to let go of a device that was added, waits until it has, and ends its process. Throws MachineError
   * "device-not-released" when the guest does not within `waitMs`; the device then stays.
   */
  remove(id: string, waitMs: number): Promise<void> {
    return this.#inTurn(async () => {
      const plan = this.#added(id);
      if (plan === undefined) throw this.#notRemovable(id);
      const { machine } = this.#supervision;
      const released = this.#awaitRelease(id, waitMs);
      try {
        // A guest that is asked twice may be so: the first request can have come before its driver was there.
        await this.#vmm.execute("device_del", { id }).catch((error: Error) => {
          if (!/already in the process of unplug/.test(error.message)) throw error;
        });
        const outcome = await Promise.race([released.happened, machine.ended.then(() => "ended" as const)]);
        if (outcome === "ended") throw endedMeanwhile(id, machine.plan.vm);
        if (!outcome) throw notReleased(id, machine.plan.vm, waitMs);
      } finally {
        released.stopWaiting();
      }
      await this.#finishing;
    });
  }

  #finishing: Promise<void> = Promise.resolve();

  get #vmm(): QmpClient {
    const vmm = this.#supervision.processes.get(VMM_ID);
    if (vmm === undefined) throw new Error("a machine without a VMM");
    return monitorOf(vmm);
  }

  #added(id: string): ProcessPlan | undefined {
    return this.#supervision.machine.plan.processes.find((plan) => plan.id === id && plan.hotPlugSlot !== undefined);
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** Whether the VMM says in time that the guest let go; `stopWaiting` leaves nothing behind, which would keep the launcher alive. */
  #awaitRelease(id: string, waitMs: number): { readonly happened: Promise<boolean>; readonly stopWaiting: () => void } {
    let stopWaiting = (): void => {};
    const happened = new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), waitMs);
      const unlisten = this.#vmm.onEvent(({ event, data }) => {
        if (event === "DEVICE_DELETED" && data["device"] === id) resolve(true);
      });
      stopWaiting = () => {
        clearTimeout(timer);
        unlisten();
        resolve(false);
      };
    });
    return { happened, stopWaiting };
  }

  #afterRemoval(id: string): void {
    const process = this.#supervision.processes.get(id);
    this.#supervision.machine.expectEnd(id);
    this.#finishing = this.#finishing.then(() => this.#forget(id, process)).catch((error: unknown) => this.#tellRemains(error));
  }

  #tellRemains(error: unknown): void {
    const { planning, machine } = this.#supervision;
    const message = error instanceof Error ? error.message : String(error);
    logEvent(planning.directories, { event: "cleanup-failed", vm: machine.plan.vm, message });
  }

  /** The VMM has closed the channel: the process ends by itself, and then nothing of it is left. */
  async #forget(id: string, process: MachineProcess | undefined): Promise<void> {
    const { machine, run, planning, processes } = this.#supervision;
    const plan = planWithoutDevice(machine.plan, id);
    const leaving = machine.plan.processes.find((one) => one.id === id);
    if (process !== undefined) {
      await endProcess(process);
      letGoOfLines(this.#supervision, process);
    }
    processes.delete(id);
    this.#supervision.spec = withoutDevice(this.#supervision.spec, id);
    machine.replacePlan(plan);
    changeEvidence(run, { plan, spec: this.#supervision.spec });
    run.update({ processes: run.record.processes.filter((one) => one.id !== id) });
    if (leaving !== undefined) await giveBack(this.#supervision, leaving, plan.cgroup);
    logEvent(planning.directories, { event: "device-removed", vm: plan.vm, process: id, detail: `device "${id}" is gone` });
  }

  #notRemovable(id: string): SpecError {
    const { plan } = this.#supervision.machine;
    const known = plan.processes.some((process) => process.id === id);
    const added = plan.processes.filter(({ hotPlugSlot }) => hotPlugSlot !== undefined).map((process) => process.id);
    return new SpecError({
      code: "device-not-removable",
      tried: `Cannot remove device "${id}" from VM "${plan.vm}"`,
      subject: id,
      answer: known ? "it belongs to the machine as its VM file describes it" : "the VM has no such device",
      remedy: added.length === 0 ? "No device was added." : `Devices that were added: ${added.join(", ")}.`,
    });
  }
}

async function giveBack(supervision: Supervision, leaving: ProcessPlan, limits: VmCgroupPlan | null): Promise<void> {
  const { run, planning } = supervision;
  if (leaving.cgroup !== null) await removeCgroup(leaving.cgroup.path);
  if (limits !== null) setCgroupLimits(limits);
  releaseUids(planning.directories, [leaving.uid]);
  run.update({ uids: run.record.uids.filter((uid) => uid !== leaving.uid) });
}

function withoutDevice(spec: Supervision["spec"], id: string): Supervision["spec"] {
  return { ...spec, devices: spec.devices.filter((device) => device.id !== id) };
}

function endedMeanwhile(id: string, vm: string): MachineError {
  const tried = `Cannot remove device "${id}" from VM "${vm}"`;
  return new MachineError({ code: "vm-ended", tried, subject: id, answer: "the VM ended meanwhile" });
}

function notReleased(id: string, vm: string, waitMs: number): MachineError {
  return new MachineError({
    code: "device-not-released",
    tried: `Cannot remove device "${id}" from VM "${vm}"`,
    subject: id,
    answer: `the guest has not let go of it within ${waitMs} ms`,
    remedy: "Have the guest stop using it and try again; the request stands, and the process ends when the guest lets go.",
  });
}
