import { MachineError } from "../errors/index.js";
import type { ProgramInventory } from "../host/index.js";
import { type ProcessPlan, roleKey } from "../plan/index.js";
import { openSession, prepareRoot, type Session } from "../sandbox/index.js";
import { VMM_ID } from "../spec/index.js";
import { logEvent, OwnedRun } from "../state/index.js";
import { verifySettledMachine } from "../verify/index.js";
import { attachAll, lockDevices, startingOf } from "./attach.js";
import { MachineFds, type ProcessFds } from "./channels.js";
import { claimCgroup } from "./claim_cgroup.js";
import { collectGarbage, dismantleOrLeave } from "./cleanup.js";
import { openControl } from "./control_server.js";
import { verifyDeviceTree } from "./device_tree.js";
import { type DeathContext, orEarlyDeath } from "./early_death.js";
import { keepEvidence } from "./evidence.js";
import { Feed } from "./feed.js";
import { describeReading, type Inspection } from "./inspect.js";
import { holdListeners, KEPT_AUDIT, Keeper, type KeptFd, keptFds, keptLines } from "./keeper.js";
import { KernelLog } from "./kernel_log.js";
import { type LaunchRequest, type LaunchStep, launchAborted } from "./launch_request.js";
import { type MachineProcess, monitorOf } from "./machine_process.js";
import { orTryModel } from "./model_trial.js";
import { type PlanRequest, type PreparedPlan, preparePlan } from "./prepare_plan.js";
import { RunningMachine } from "./running_machine.js";
import { connectSerialEnd } from "./serial_line.js";
import { startMachineProcess } from "./start_machine_process.js";
import { bootFilesOf, closeTenantFiles } from "./tenant_files.js";

/**
 * Launches a VM: plans, starts every process confined, attaches what is not trusted, verifies, and lets the guest run.
 * A failure at any step ends what was started, gives back what was reserved, and throws the step's error.
 */
export async function launch(request: LaunchRequest): Promise<RunningMachine> {
  const { directories, spec } = request;
  request.onStep?.("claim");
  // First what dead VMs left, this name's included: its cgroup would be in the way. What others left is not.
  const own = (await collectGarbage(directories, spec.name)).failed.find(({ vm }) => vm === spec.name);
  if (own !== undefined) throw own.error;
  const run = OwnedRun.claim(directories, { vm: spec.name, shutdownGraceMs: spec.shutdownGraceMs });
  const prepare = (wanted: PlanRequest): Promise<PreparedPlan> =>
    preparePlan(wanted, {
      onReserved: (uids) => run.update({ uids }),
      claimsFiles: true,
      claimGroup: (plan) => claimCgroup(run, plan),
    });
  try {
    request.onStep?.("plan");
    const prepared = await orTryModel(prepare, request, (trial) => new Launch(request, run, trial).tryFirstDevice());
    return await new Launch(request, run, prepared).execute();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    logEvent(directories, { event: "launch-failed", vm: spec.name, message });
    // A running machine has done it by itself.
    if (!run.released) await dismantleOrLeave(directories, run, {});
    throw error;
  }
}

/** One launch under way, from its plan to a running guest. */
class Launch {
  readonly #request: LaunchRequest;
  readonly #run: OwnedRun;
  readonly #prepared: PreparedPlan;
  readonly #fds: MachineFds;
  readonly #manifests = new Map<string, ProcessFds>();
  readonly #processes = new Map<string, MachineProcess>();
  /** Fds of serial logs and FIFOs that belong to a serial connection, which closes them. */
  readonly #takenOver = new Set<number>();
  /** Open before the first process starts: records that were written earlier may not be had later. */
  readonly #kernelLog = new KernelLog();
  readonly #feed = new Feed();

  constructor(request: LaunchRequest, run: OwnedRun, prepared: PreparedPlan) {
    this.#request = request;
    this.#run = run;
    this.#prepared = prepared;
    this.#fds = new MachineFds(prepared.files.images);
  }

  async execute(): Promise<RunningMachine> {
    let keeper: Keeper | undefined;
    try {
      this.#step("prepare");
      await this.#prepare();
      this.#step("start");
      await this.#start(this.#prepared.plan.processes);
      this.#step("keep");
      keeper = this.#keep();
      this.#step("lock");
      await lockDevices(startingOf(this.#processes), this.#deathContext);
      this.#step("attach");
      await attachAll(startingOf(this.#processes), this.#deathContext);
      this.#step("verify");
      const verified = await orEarlyDeath([...this.#processes.values()], this.#deathContext, () => this.#verify());
      keeper.confirm();
      holdListeners(keeper, this.#processes.values());
      // From here on each channel has its two peers and nobody else.
      this.#fds.close();
      return await this.#continue(verified, keeper);
    } catch (error) {
      this.#kernelLog.close();
      keeper?.close();
      throw error;
    } finally {
      this.#fds.close();
      // The images went with the fds above.
      closeTenantFiles({ ...this.#prepared.files, images: new Map() }, this.#takenOver);
    }
  }

  /** Starts the first device alone, without its VMM: whether QEMU makes it. Throws MachineError "process-died" when not. */
  async tryFirstDevice(): Promise<void> {
    try {
      await this.#prepare();
      await this.#start(this.#prepared.plan.processes.slice(0, 1));
      await lockDevices(startingOf(this.#processes), this.#deathContext);
      await attachAll(startingOf(this.#processes), this.#deathContext);
    } finally {
      this.#kernelLog.close();
      this.#fds.close();
      closeTenantFiles({ ...this.#prepared.files, images: new Map() });
    }
  }

  get #deathContext(): DeathContext {
    return { vm: this.#prepared.plan.vm, directories: this.#request.directories, kernelLog: this.#kernelLog };
  }

  #step(step: LaunchStep): void {
    if (this.#request.signal?.aborted === true) throw launchAborted(this.#prepared.plan.vm, step);
    this.#request.onStep?.(step);
  }

  async #prepare(): Promise<void> {
    const [{ plan, inventories }, { directories, spec }] = [this.#prepared, this.#request];
    logEvent(directories, { event: "launch", vm: plan.vm, accel: plan.machine.accel });
    this.#step("build-roots");
    for (const one of inventories.values()) await prepareRoot(directories.cache, one, plan.processes[0]?.selinux ?? null);
    this.#step("make-group");
    if (plan.cgroup !== null) claimCgroup(this.#run, plan.cgroup);
    this.#step("open-channels");
    for (const process of plan.processes) this.#manifests.set(process.id, this.#fds.make(process));
    keepEvidence(this.#run, { plan, spec, manifests: this.#manifests, inventories });
  }

  /** Side by side. */
  async #start(processes: readonly ProcessPlan[]): Promise<void> {
    const session = openSession(this.#prepared.plan);
    try {
      const started = await Promise.allSettled(processes.map((process) => this.#startOne(process, session)));
      for (const result of started) if (result.status === "rejected") throw result.reason;
    } finally {
      session.close();
    }
  }

  async #startOne(plan: ProcessPlan, session: Session): Promise<void> {
    const { filters, files } = this.#prepared;
    if (plan.warning !== undefined) this.#request.onWarning?.(plan.id, plan.warning);
    const fds = this.#manifestOf(plan);
    const filter = filters.get(roleKey(plan));
    if (filter === undefined) throw new Error(`no filter was compiled for role ${plan.role}`);
    const { alterSpawn, onLogLine } = this.#request;
    const { directories } = this.#request;
    const owner = { run: this.#run, directories, made: this.#fds, feed: this.#feed, onLogLine };
    const process = await startMachineProcess(owner, fds, {
      plan,
      filter,
      bootFiles: plan.id === VMM_ID ? bootFilesOf(files) : [],
      session,
      ...(alterSpawn === undefined ? {} : { alterSpawn }),
    });
    this.#processes.set(plan.id, process);
    if (fds.serial === null) return;
    const onward = { stdio: this.#request.stdio, feed: this.#feed };
    const taken = connectSerialEnd({ id: plan.id, fd: this.#fds.handOver(fds.serial) }, files, onward);
    for (const { fd } of taken) this.#takenOver.add(fd);
  }

  #keep(): Keeper {
    const { vm } = this.#run.record;
    const { auditFd } = this.#kernelLog;
    const audit: KeptFd[] = auditFd === null ? [] : [{ name: KEPT_AUDIT, kind: "file", fd: auditFd }];
    const kept = [...keptFds(this.#manifests), ...keptLines(this.#prepared.files), ...audit];
    const keeper = Keeper.start(vm, { directory: this.#run.directory }, kept);
    this.#run.update({ keeper: keeper.identity });
    return keeper;
  }

  async #verify(): Promise<Inspection> {
    const { plan } = this.#prepared;
    const started = plan.processes.map((process) => {
      const { pid, session, gate } = this.#processOf(process.id).confined;
      const { held } = this.#manifestOf(process);
      return { plan: process, pid, session, phase: gate?.phase ?? null, inventory: this.#inventoryOf(process), held };
    });
    // The VMM answers while the kernel is read.
    const deviceTree = verifyDeviceTree(monitorOf(this.#processOf(VMM_ID)), plan.vm, plan.machine.hotPlugSlots);
    const [reading] = await Promise.all([verifySettledMachine(plan, started), deviceTree]);
    return { schemaVersion: 1, vm: plan.vm, state: "starting", launcher: null, ...describeReading(reading, started) };
  }

  async #continue(verified: Inspection, keeper: Keeper): Promise<RunningMachine> {
    const { plan, launcherFilter } = this.#prepared;
    const { directories, spec, onLogLine, onCleanupStep } = this.#request;
    const parts = { run: this.#run, processes: this.#processes, keeper, kernelLog: this.#kernelLog };
    const hook = onCleanupStep === undefined ? {} : { onCleanupStep };
    const machine = new RunningMachine({ ...parts, ...hook, plan, verified, directories, launcherFilter });
    let isTold = false;
    try {
      this.#step("listen");
      openControl({ ...parts, machine, feed: this.#feed, spec, planning: this.#request, onLogLine });
      this.#step("continue");
      isTold = true;
      await monitorOf(this.#processOf(VMM_ID)).execute("cont");
      this.#run.update({ state: "running" });
      logEvent(directories, { event: "running", vm: plan.vm });
      this.#step("run");
      return machine;
    } catch (error) {
      // A guest may end its machine within milliseconds, and the monitor goes before it has answered.
      const hasRun = isTold && error instanceof MachineError && error.code === "qmp-closed";
      // Once made, the machine cleans up, and nobody else.
      if (!hasRun) machine.kill();
      const ending = await machine.ended;
      // What a guest did to the VMM is how the VM ended, not how its launch failed.
      if (hasRun || ending.reason === "intrusion") return machine;
      throw error;
    }
  }

  #manifestOf(plan: ProcessPlan): ProcessFds {
    const fds = this.#manifests.get(plan.id);
    if (fds === undefined) throw new Error(`no fds were made for ${plan.id}`);
    return fds;
  }

  #processOf(id: string): MachineProcess {
    const process = this.#processes.get(id);
    if (process === undefined) throw new Error(`no process ${id} was started`);
    return process;
  }

  #inventoryOf(plan: ProcessPlan): ProgramInventory {
    const inventory = this.#prepared.inventories.get(roleKey(plan));
    if (inventory === undefined) throw new Error(`no inventory was taken for role ${plan.role}`);
    return inventory;
  }
}
