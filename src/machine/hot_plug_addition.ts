import { SandboxError } from "../errors/index.js";
import { requireHotPlugSlot } from "../plan/index.js";
import { joinSession, prepareRoot, removeCgroup, type StartedProcess, setCgroupLimits, verifyMachine } from "../sandbox/index.js";
import { type AddedDevice, VMM_ID } from "../spec/index.js";
import { findRun, logEvent, releaseUids } from "../state/index.js";
import { attachAll, lockDevices } from "./attach.js";
import { MachineFds, type ProcessFds } from "./channels.js";
import { changeEvidence, readEvidence } from "./evidence.js";
import { holdListeners, keptFds } from "./keeper.js";
import type { MachineProcess } from "./machine_process.js";
import { type PreparedDevice, prepareDevice } from "./prepare_device.js";
import { startMachineProcess } from "./start_machine_process.js";
import type { Supervision } from "./supervision.js";

/**
 * Readings of a VM whose guest runs, and the pause between two, in ms. QEMU's workers come and go meanwhile, and one that is
 * just ending has given up its fd table: seen as a difference that the next reading does not have.
 */
const READINGS_MAX = 4;
const READING_PAUSE_MS = 50;

/** How long a device process may take to end once the VMM has closed its channel, in ms. */
const FOLLOW_GRACE_MS = 1000;

/** What whoever asked for a device is told. */
export interface AdditionReport {
  readonly id: string;
  readonly pid: number;
  /** What a person should know of the device; null for most. */
  readonly warning: string | null;
}

/** One device that is being added; each thing that it makes is undone in reverse when a later one fails. */
export class Addition {
  readonly #supervision: Supervision;
  readonly #undo: (() => Promise<void> | void)[] = [];

  constructor(supervision: Supervision) {
    this.#supervision = supervision;
  }

  async undo(): Promise<void> {
    for (const step of this.#undo.reverse()) await step();
  }

  async execute(added: AddedDevice): Promise<AdditionReport> {
    const { run, machine, keeper, kernelLog, planning, processes } = this.#supervision;
    const { id } = added.device;
    requireHotPlugSlot(machine.plan, id);
    const prepared = await prepareDevice(this.#supervision, added, (uid) => {
      run.update({ uids: [...run.record.uids, uid] });
      this.#undo.push(() => this.#releaseUid(uid));
    });
    const made = new MachineFds(prepared.images);
    this.#undo.push(() => made.close());
    const fds = made.make(prepared.process);
    await prepareRoot(planning.directories.cache, prepared.inventory);
    this.#widenLimits(prepared);
    const process = await this.#start(prepared, fds, made);
    for (const kept of keptFds(new Map([[id, fds]]))) keeper.hold(kept);
    const starting = { devices: [process], vmm: null };
    await lockDevices(starting, kernelLog);
    await attachAll(starting, kernelLog);
    await this.#verify(prepared, process, fds);
    holdListeners(keeper, [process]);
    const channel = made.channelEnd(id, "vmm");
    await this.#join(prepared, channel.fd);
    made.close();
    // Nothing below fails but for a full disk; the device is part of the VM now.
    // Paths of the VM file start from its own directory, whatever that of the device file was.
    const spec = { ...prepared.spec, source: this.#supervision.spec.source };
    this.#supervision.spec = spec;
    processes.set(id, process);
    machine.replacePlan(prepared.plan);
    machine.watch(process);
    const channels = { [VMM_ID]: { [String(lastFdOf(prepared))]: channel.inode } };
    changeEvidence(run, { ...prepared, spec, inodes: channels, held: new Map([[id, fds]]) });
    const detail = `device "${id}" is part of the VM`;
    logEvent(planning.directories, { event: "device-added", vm: machine.plan.vm, process: id, detail });
    return { id, pid: process.confined.pid, warning: prepared.process.warning ?? null };
  }

  #releaseUid(uid: number): void {
    const { run, planning } = this.#supervision;
    releaseUids(planning.directories, [uid]);
    run.update({ uids: run.record.uids.filter((one) => one !== uid) });
  }

  #widenLimits(prepared: PreparedDevice): void {
    const before = this.#supervision.machine.plan.cgroup;
    if (prepared.plan.cgroup === null || before === null) return;
    setCgroupLimits(prepared.plan.cgroup);
    this.#undo.push(async () => {
      if (prepared.process.cgroup !== null) await removeCgroup(prepared.process.cgroup.path);
      setCgroupLimits(before);
    });
  }

  async #start(prepared: PreparedDevice, fds: ProcessFds, made: MachineFds): Promise<MachineProcess> {
    const { run, feed, onLogLine, machine, planning } = this.#supervision;
    const { process: plan, filter } = prepared;
    const session = joinSession(machine.plan, machine.pids.get(VMM_ID) ?? 0);
    const owner = { run, directories: planning.directories, made, feed, onLogLine };
    const starting = startMachineProcess(owner, fds, { plan, filter, bootFiles: [], session });
    const process = await starting.finally(() => session.close());
    this.#undo.push(async () => {
      await endProcess(process);
      run.update({ processes: run.record.processes.filter(({ id }) => id !== plan.id) });
    });
    return process;
  }

  /** The whole VM, with the new process, before that is joined: it holds what its plan says, and nobody else has changed. */
  async #verify(prepared: PreparedDevice, process: MachineProcess, fds: ProcessFds): Promise<void> {
    const { machine, run } = this.#supervision;
    const known = findRun(this.#supervision.planning.directories, machine.plan.vm);
    const evidence = known === null ? null : readEvidence({ ...known, record: run.record });
    if (evidence === null) throw new Error(`VM ${machine.plan.vm} has lost its plan`);
    const { process: plan, inventory } = prepared;
    const started: StartedProcess = {
      plan,
      pid: process.confined.pid,
      session: process.confined.session,
      phase: process.confined.gate?.phase ?? null,
      inventory,
      held: fds.held,
    };
    // Not the VMM's new plan yet: its end of the channel comes with the joining.
    const processes = [...machine.plan.processes.filter(({ id }) => id !== VMM_ID), plan];
    const vmm = machine.plan.processes.filter(({ id }) => id === VMM_ID);
    const machinePlan = { ...prepared.plan, processes: [...processes, ...vmm] };
    for (let reading = 1; ; reading += 1) {
      try {
        verifyMachine(machinePlan, [...evidence.started, started]);
        return;
      } catch (error) {
        if (!(error instanceof SandboxError) || reading === READINGS_MAX) throw error;
        await new Promise((resolve) => setTimeout(resolve, READING_PAUSE_MS));
      }
    }
  }

  async #join({ join, process }: PreparedDevice, channelFd: number): Promise<void> {
    const vmm = this.#supervision.processes.get(VMM_ID)?.monitor;
    if (vmm === undefined) throw new Error("a machine without a VMM");
    await vmm.passFd(process.id, channelFd);
    // QEMU closes the descriptor itself when the command fails after it has taken it.
    await vmm.execute(join.execute, join.arguments).catch(async (error: unknown) => {
      await vmm.execute("closefd", { fdname: process.id }).catch(() => {});
      throw error;
    });
  }
}

/** The VMM's newest manifest entry: the channel of the device that was added. */
function lastFdOf({ plan }: PreparedDevice): number {
  return plan.processes.find(({ id }) => id === VMM_ID)?.fds.at(-1)?.fd ?? -1;
}

/** Waits until a device process has followed its channel; one that does not is killed. */
export async function endProcess({ confined, monitor }: MachineProcess): Promise<void> {
  const timer = setTimeout(() => confined.kill(), FOLLOW_GRACE_MS);
  await confined.ended;
  clearTimeout(timer);
  monitor.close();
}
