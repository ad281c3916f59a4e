import { closeSync } from "node:fs";
import type { ExitStatus } from "../kernel/index.js";
import { type LaunchPlan, type ProcessPlan, roleKey } from "../plan/index.js";
import { openSession, prepareRoot } from "../sandbox/index.js";
import { VMM_ID } from "../spec/index.js";
import { OwnedRun } from "../state/index.js";
import { type Difference, readMachine, verifySettledMachine } from "../verify/index.js";
import { attachAll, lockDevices, startingOf } from "./attach.js";
import { MachineFds, type ProcessFds } from "./channels.js";
import { claimCgroup } from "./claim_cgroup.js";
import { collectGarbage, dismantle } from "./cleanup.js";
import { type DeathCause, explainDeath, loadSyscallNames } from "./death_cause.js";
import { Feed } from "./feed.js";
import { KernelLog } from "./kernel_log.js";
import type { LaunchRequest } from "./launch_request.js";
import type { MachineProcess } from "./machine_process.js";
import { type PreparedPlan, preparePlan } from "./prepare_plan.js";
import { startMachineProcess } from "./start_machine_process.js";
import { bootFilesOf, closeTenantFiles } from "./tenant_files.js";

/** Which processes of a VM are started, and what their verification may find. */
export interface PartRequest {
  /** Whether a process is started; the other ends of its channels are the caller's. */
  readonly starts: (process: ProcessPlan) => boolean;
  /** Differences from the plan that the caller made; default none. Each other one ends the launch. */
  readonly accepts?: (difference: Difference) => boolean;
}

/** A VM of which only some processes were started, confined, locked down and verified as in a whole one; no guest runs. */
export interface PartialMachine {
  readonly plan: LaunchPlan;
  readonly processes: ReadonlyMap<string, MachineProcess>;
  /** By device: the end of its channel that no process of the VM holds. The caller's to close. */
  readonly channels: ReadonlyMap<string, number>;
  /** By process: the launcher's end of its serial line or console. The caller's to close. */
  readonly lines: ReadonlyMap<string, number>;
  /** What the verification found and the caller accepted. */
  readonly accepted: readonly Difference[];
  /** Why a process ended; to be asked before end(). */
  explain(id: string, told: ExitStatus): Promise<DeathCause>;
  /** Ends every process and leaves nothing of the VM on the host. */
  end(): Promise<void>;
}

/**
 * Launches some processes of a VM for who takes the place of the others: the compliance suite is the VMM of devices, and the
 * devices of a VMM. Throws what launch() throws; then nothing is left.
 */
export async function launchPart(request: LaunchRequest, part: PartRequest): Promise<PartialMachine> {
  const { directories, spec } = request;
  await collectGarbage(directories, spec.name);
  const run = OwnedRun.claim(directories, { vm: spec.name, shutdownGraceMs: spec.shutdownGraceMs });
  try {
    const prepared = await preparePlan(request, {
      onReserved: (uids) => run.update({ uids }),
      claimsFiles: true,
      claimGroup: (plan) => claimCgroup(run, plan),
    });
    return await new PartLaunch({ ...part, request, run, prepared }).execute();
  } catch (error) {
    await dismantle(directories, run);
    throw error;
  }
}

interface PartInputs extends PartRequest {
  readonly request: LaunchRequest;
  readonly run: OwnedRun;
  readonly prepared: PreparedPlan;
}

class PartLaunch {
  readonly #inputs: PartInputs;
  readonly #plans: readonly ProcessPlan[];
  readonly #fds: MachineFds;
  readonly #manifests = new Map<string, ProcessFds>();
  readonly #processes = new Map<string, MachineProcess>();
  readonly #kernelLog = new KernelLog();

  constructor(inputs: PartInputs) {
    this.#inputs = inputs;
    this.#plans = inputs.prepared.plan.processes.filter(inputs.starts);
    this.#fds = new MachineFds(inputs.prepared.files.images);
  }

  async execute(): Promise<PartialMachine> {
    const { request, run, prepared } = this.#inputs;
    const { plan, files } = prepared;
    const { directories } = request;
    const channels = new Map<string, number>();
    try {
      await this.#start();
      const starting = startingOf(this.#processes);
      const context = { vm: plan.vm, directories, kernelLog: this.#kernelLog };
      await loadSyscallNames();
      await lockDevices(starting, context);
      await attachAll(starting, context);
      const accepted = await this.#verify();
      for (const { id } of plan.processes) if (id !== VMM_ID) channels.set(id, this.#takeChannel(id));
      return {
        plan,
        processes: this.#processes,
        channels,
        lines: this.#takeLines(),
        accepted,
        explain: (id, told) => explainDeath(this.#processOf(id).confined, told, this.#kernelLog),
        end: async () => {
          for (const { confined } of this.#processes.values()) confined.kill();
          for (const { monitor } of this.#processes.values()) monitor?.close();
          this.#kernelLog.close();
          await dismantle(directories, run);
        },
      };
    } catch (error) {
      for (const fd of channels.values()) closeSync(fd);
      this.#kernelLog.close();
      throw error;
    } finally {
      this.#fds.close();
      closeTenantFiles({ ...files, images: new Map() });
    }
  }

  async #start(): Promise<void> {
    const { request, run, prepared } = this.#inputs;
    const { plan, filters, inventories, files } = prepared;
    const { directories, onLogLine, alterSpawn } = request;
    for (const inventory of inventories.values())
      await prepareRoot(directories.cache, inventory, plan.processes[0]?.selinux ?? null);
    if (plan.cgroup !== null) claimCgroup(run, plan.cgroup);
    const session = openSession({ ...plan, processes: this.#plans });
    const owner = { run, directories, made: this.#fds, feed: new Feed(), onLogLine };
    try {
      const started = await Promise.allSettled(
        this.#plans.map(async (process) => {
          const fds = this.#fds.make(process);
          this.#manifests.set(process.id, fds);
          const filter = filters.get(process.role) as Buffer;
          const bootFiles = process.id === VMM_ID ? bootFilesOf(files) : [];
          const altered = alterSpawn === undefined ? {} : { alterSpawn };
          const start = { plan: process, filter, bootFiles, session, ...altered };
          this.#processes.set(process.id, await startMachineProcess(owner, fds, start));
        }),
      );
      for (const result of started) if (result.status === "rejected") throw result.reason;
    } finally {
      session.close();
    }
  }

  /** Returns the differences that the caller accepts. */
  async #verify(): Promise<readonly Difference[]> {
    const { prepared, accepts } = this.#inputs;
    const { plan, inventories } = prepared;
    const started = this.#plans.map((process) => {
      const { pid, session, gate } = this.#processOf(process.id).confined;
      const { held } = this.#manifests.get(process.id) as ProcessFds;
      const inventory = inventories.get(roleKey(process));
      if (inventory === undefined) throw new Error(`no inventory was taken for role ${process.role}`);
      return { plan: process, pid, session, phase: gate?.phase ?? null, inventory, held };
    });
    if (accepts === undefined) return (await verifySettledMachine(plan, started)).differences;
    const { differences } = readMachine(plan, started);
    const foreign = differences.filter((difference) => !accepts(difference));
    // As a launch says it.
    if (foreign.length > 0) await verifySettledMachine(plan, started);
    return differences;
  }

  /** The end that none of the processes was given. */
  #takeChannel(device: string): number {
    const side = this.#processes.has(device) ? "vmm" : "device";
    return this.#fds.handOver(this.#fds.channelEnd(device, side).fd);
  }

  #takeLines(): Map<string, number> {
    const lines = [...this.#manifests].flatMap(([id, { serial }]) => (serial === null ? [] : [[id, serial] as const]));
    for (const [, fd] of lines) this.#fds.handOver(fd);
    return new Map(lines);
  }

  #processOf(id: string): MachineProcess {
    const process = this.#processes.get(id);
    if (process === undefined) throw new Error(`no process ${id} was started`);
    return process;
  }
}
