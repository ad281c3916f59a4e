import { MachineError, SandboxError } from "../errors/index.js";
import type { ProgramInventory } from "../host/index.js";
import type { ProcessPlan, VmCgroupPlan } from "../plan/index.js";
import { type BootFile, createVmCgroup, prepareRoot, verifyMachine } from "../sandbox/index.js";
import { VMM_ID } from "../spec/index.js";
import { logEvent, OwnedRun } from "../state/index.js";
import { attachAll } from "./attach.js";
import { MachineFds, type ProcessFds } from "./channels.js";
import { collectGarbage, dismantle } from "./cleanup.js";
import { openControl } from "./control_server.js";
import { verifyDeviceTree } from "./device_tree.js";
import { keepEvidence } from "./evidence.js";
import { Feed } from "./feed.js";
import { describeReading, type Inspection } from "./inspect.js";
import { Keeper, keptFds } from "./keeper.js";
import type { LaunchRequest, LaunchStep } from "./launch_request.js";
import type { MachineProcess } from "./machine_process.js";
import { closeTenantFiles, type PreparedPlan, preparePlan } from "./prepare_plan.js";
import { RunningMachine } from "./running_machine.js";
import { type ConsoleSink, connectSerial } from "./serial_console.js";
import { startMachineProcess } from "./start_machine_process.js";

/**
 * Launches a VM: plans, starts every process confined, attaches what is not trusted, verifies, and lets the guest run.
 * A failure at any step ends what was started, gives back what was reserved, and throws the step's error.
 */
export async function launch(request: LaunchRequest): Promise<RunningMachine> {
  const { directories, spec } = request;
  request.onStep?.("claim");
  // First what dead VMs left, this name's included: its cgroup would be in the way. What others left is not.
  const { failed } = await collectGarbage(directories, spec.name);
  const own = failed.find(({ vm }) => vm === spec.name);
  if (own !== undefined) throw own.error;
  const run = OwnedRun.claim(directories, { vm: spec.name, shutdownGraceMs: spec.shutdownGraceMs });
  try {
    request.onStep?.("plan");
    const prepared = await preparePlan(request, (uids) => run.update({ uids }));
    return await new Launch(request, run, prepared).execute();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    logEvent(directories, { event: "launch-failed", vm: spec.name, message });
    // A running machine has done it by itself.
    if (!run.released) await dismantle(directories, run);
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
  readonly #feed = new Feed();
  #consoleConnected = false;

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
      await this.#start();
      this.#step("keep");
      keeper = this.#keep();
      this.#step("attach");
      await attachAll([...this.#processes.values()]);
      this.#step("verify");
      const verified = await this.#verify();
      keeper.confirm();
      // From here on each channel has its two peers and nobody else.
      this.#fds.close();
      return await this.#continue(verified, keeper);
    } catch (error) {
      keeper?.close();
      throw error;
    } finally {
      this.#fds.close();
      // The images went with the fds above, and the serial log belongs to the console once that is connected.
      const { files } = this.#prepared;
      closeTenantFiles({ ...files, images: new Map(), serialLog: this.#consoleConnected ? null : files.serialLog });
    }
  }

  #step(step: LaunchStep): void {
    if (this.#request.signal?.aborted === true) {
      const { vm } = this.#prepared.plan;
      throw new MachineError({
        code: "launch-aborted",
        tried: `Cannot launch VM "${vm}"`,
        subject: vm,
        answer: `interrupted before step ${step}`,
      });
    }
    this.#request.onStep?.(step);
  }

  #console(): ConsoleSink | null {
    const { serialLog } = this.#prepared.files;
    return serialLog === null ? this.#request.stdio : { kind: "file", fd: serialLog.fd };
  }

  async #prepare(): Promise<void> {
    const { plan, inventories } = this.#prepared;
    const { directories } = this.#request;
    logEvent(directories, { event: "launch", vm: plan.vm, accel: plan.machine.accel });
    this.#step("build-roots");
    for (const inventory of inventories.values()) await prepareRoot(directories.cache, inventory);
    this.#step("make-group");
    if (plan.cgroup !== null) {
      this.#run.update({ cgroup: plan.cgroup.path });
      this.#createCgroup(plan.cgroup);
    }
    this.#step("open-channels");
    for (const process of plan.processes) this.#manifests.set(process.id, this.#fds.make(process));
    keepEvidence(this.#run, { plan, spec: this.#request.spec, manifests: this.#manifests, inventories });
  }

  #createCgroup(plan: VmCgroupPlan): void {
    try {
      createVmCgroup(plan);
    } catch (error) {
      // A group that stood before is not ours: cleaning up would kill what another owner runs in it.
      if (error instanceof SandboxError && (error.cause as NodeJS.ErrnoException | undefined)?.code === "EEXIST") {
        this.#run.update({ cgroup: null });
      }
      throw error;
    }
  }

  /** The first process makes the VM's core-scheduling cookie where there is one; then all the others at once. */
  async #start(): Promise<void> {
    const { processes } = this.#prepared.plan;
    const [first] = processes;
    if (first === undefined) throw new Error("a plan without processes");
    const cookies = first.layers["core-scheduling"].status === "enforced";
    const leader = cookies ? await this.#startOne(first, null) : null;
    const started = await Promise.allSettled(processes.slice(cookies ? 1 : 0).map((process) => this.#startOne(process, leader)));
    const failed = started.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async #startOne(plan: ProcessPlan, coreGroup: number | null): Promise<number> {
    const { filters, files } = this.#prepared;
    const fds = this.#manifestOf(plan);
    const filter = filters.get(plan.role);
    if (filter === undefined) throw new Error(`no filter was compiled for role ${plan.role}`);
    const { alterSpawn, onLogLine } = this.#request;
    const process = await startMachineProcess({ run: this.#run, made: this.#fds, feed: this.#feed, onLogLine }, fds, {
      plan,
      filter,
      bootFiles: plan.id === VMM_ID ? bootFilesOf(files) : [],
      coreGroup,
      ...(alterSpawn === undefined ? {} : { alterSpawn }),
    });
    this.#processes.set(plan.id, process);
    const sink = this.#console();
    if (fds.serial !== null && sink !== null) {
      connectSerial(this.#fds.handOver(fds.serial), sink, (bytes) => this.#feed.publish({ kind: "console", bytes }));
      this.#consoleConnected = true;
    }
    return process.confined.pid;
  }

  #keep(): Keeper {
    const { vm } = this.#run.record;
    const keeper = Keeper.start(vm, { directory: this.#run.directory }, keptFds(this.#manifests));
    this.#run.update({ keeper: keeper.identity });
    return keeper;
  }

  async #verify(): Promise<Inspection> {
    const { plan } = this.#prepared;
    const started = plan.processes.map((process) => ({
      plan: process,
      pid: this.#processOf(process.id).confined.pid,
      inventory: this.#inventoryOf(process),
      held: this.#manifestOf(process).held,
    }));
    // The VMM answers while the kernel is read.
    const deviceTree = verifyDeviceTree(this.#processOf(VMM_ID).monitor, plan.vm);
    const [reading] = await Promise.all([Promise.resolve().then(() => verifyMachine(plan, started)), deviceTree]);
    return { schemaVersion: 1, vm: plan.vm, state: "starting", ...describeReading(reading, started) };
  }

  async #continue(verified: Inspection, keeper: Keeper): Promise<RunningMachine> {
    const { plan } = this.#prepared;
    const { directories, spec, onLogLine, onCleanupStep } = this.#request;
    const parts = { run: this.#run, processes: this.#processes, keeper };
    const hook = onCleanupStep === undefined ? {} : { onCleanupStep };
    const machine = new RunningMachine({ ...parts, ...hook, plan, verified, directories });
    try {
      this.#step("listen");
      openControl({ ...parts, machine, feed: this.#feed, spec, planning: this.#request, onLogLine });
      this.#step("continue");
      await this.#processOf(VMM_ID).monitor.execute("cont");
      this.#run.update({ state: "running" });
      logEvent(directories, { event: "running", vm: plan.vm });
      this.#step("run");
      return machine;
    } catch (error) {
      // Once made, the machine cleans up, and nobody else.
      machine.kill();
      const ending = await machine.ended;
      // The guest may have run by now: what it did to the VMM is how the VM ended, not how its launch failed.
      if (ending.reason === "intrusion") return machine;
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
    if (process === undefined)
      throw new MachineError({ code: "process-missing", tried: `Cannot find process "${id}"`, subject: id });
    return process;
  }

  #inventoryOf(plan: ProcessPlan): ProgramInventory {
    const inventory = this.#prepared.inventories.get(plan.role);
    if (inventory === undefined) throw new Error(`no inventory was taken for role ${plan.role}`);
    return inventory;
  }
}

/** Names in /boot: KERNEL_PATH and INITRD_PATH of the plan. */
function bootFilesOf(files: PreparedPlan["files"]): BootFile[] {
  const named = [
    { name: "kernel", file: files.kernel },
    { name: "initrd", file: files.initrd },
  ];
  return named.flatMap(({ name, file }) => (file === null ? [] : [{ name, fd: file.fd, sizeBytes: file.sizeBytes }]));
}
