import { closeSync, readlinkSync } from "node:fs";
import { MachineError } from "../errors/index.js";
import { addon } from "../kernel/index.js";
import { type LaunchPlan, requireHotPlugSlot } from "../plan/index.js";
import { type CallGate, joinSession, prepareRoot, setCgroupLimits, spawnProcess, type WatchedProcess } from "../sandbox/index.js";
import { type AddedDevice, VMM_ID } from "../spec/index.js";
import { type Directories, findRun, identifyProcess, type KnownRun } from "../state/index.js";
import { type RunEvidence, readEvidence, type StartedProcess, verifySettledMachine } from "../verify/index.js";
import { type AdditionReport, leaveAdditionFacts } from "./addition_facts.js";
import { MachineFds, type ProcessFds } from "./channels.js";
import { askSupervisor } from "./control_client.js";
import type { AdditionTurn, WirePlanning } from "./control_message.js";
import { inodesOf } from "./evidence.js";
import { handDeviceOver } from "./hand_device_over.js";
import { releaseImagesOf } from "./image_labels.js";
import { type PreparedDevice, prepareDevice } from "./prepare_device.js";
import { logRefusals } from "./refused_call.js";
import { fdsOfLines, type SerialFiles } from "./serial_line.js";
import type { PlanningContext } from "./supervision.js";

/** include/uapi/asm-generic/signal.h */
const SIGKILL = 9;
/** What the supervisor may take to attach a backend, to join the device, or to undo it all, in ms. */
const SUPERVISOR_DEADLINE_MS = 30_000;
/**
 * Adds a device to a VM that runs. This process, which must have the privileges of a launch, starts the device's process and
 * verifies the VM; the supervisor, which has none, takes the process over and joins it. A failure leaves the VM as it was.
 */
export async function addDeviceToVm(directories: Directories, run: KnownRun, added: AddedDevice): Promise<AdditionReport> {
  const work = new DeviceStart(directories, run.record.vm, added);
  const request = { request: "device-add", id: added.device.id } as const;
  const onTurn = (turn: AdditionTurn): Promise<void> => work.take(turn);
  try {
    return (await askSupervisor(run, request, { deadlineMs: SUPERVISOR_DEADLINE_MS, onTurn })) as AdditionReport;
  } catch (error) {
    await work.abandon();
    releaseImagesOf(directories, run.record.vm, added.device.id);
    throw error;
  } finally {
    work.close();
  }
}

interface Standing {
  readonly prepared: PreparedDevice;
  readonly evidence: RunEvidence;
  readonly started: StartedProcess;
}

class DeviceStart {
  readonly #directories: Directories;
  readonly #vm: string;
  readonly #added: AddedDevice;
  #pidfd: number | undefined;
  #made: MachineFds | undefined;
  #lines: SerialFiles | undefined;
  #standing: Standing | undefined;
  #gate: CallGate | null = null;

  constructor(directories: Directories, vm: string, added: AddedDevice) {
    this.#directories = directories;
    this.#vm = vm;
    this.#added = added;
  }

  async take(turn: AdditionTurn): Promise<void> {
    switch (turn.step) {
      case "start":
        return this.#start(turn);
      case "lock":
        return this.#gate?.lock();
      case "verify":
        return this.#verify();
    }
  }

  /** Makes everything that needs privileges. What it leaves when it fails, uid and groups, the supervisor gives back. */
  async #start({ token, planning: wire }: { readonly token: string; readonly planning: WirePlanning }): Promise<void> {
    const run = findRun(this.#directories, this.#vm);
    const evidence = run === null ? null : readEvidence(run);
    if (run === null || evidence === null) throw new Error(`VM ${this.#vm} has lost its plan`);
    const { id } = this.#added.device;
    requireHotPlugSlot(evidence.plan, id);
    requireSameNetwork(run, id);
    const planning = planningOf(wire, this.#directories);
    const prepared = await prepareDevice({ planning, running: evidence.plan, spec: evidence.spec }, this.#added);
    const made = new MachineFds(prepared.images);
    this.#made = made;
    this.#lines = prepared.lines;
    const fds = made.make(prepared.process);
    await prepareRoot(planning.directories.cache, prepared.inventory, prepared.process.selinux);
    if (prepared.plan.cgroup !== null) setCgroupLimits(prepared.plan.cgroup);
    const process = await spawn(prepared, fds, { running: evidence.plan, vmmPid: pidOf(evidence, VMM_ID) });
    this.#pidfd = process.pidfd;
    try {
      leaveAdditionFacts(run.directory, factsOf({ prepared, evidence, fds, channel: made.channelEnd(id, "vmm").inode }, process));
      this.#gate = process.gate;
      logRefusals(this.#directories, this.#vm, { plan: prepared.process, gate: process.gate });
      handDeviceOver(run.directory, token, { prepared, fds, process, channel: made.channelEnd(id, "vmm").fd });
    } catch (error) {
      await this.#kill();
      throw error;
    }
    const { pid, session } = process;
    const started = { plan: prepared.process, pid, session, phase: null, inventory: prepared.inventory, held: fds.held };
    this.#standing = { prepared, evidence, started };
  }

  /** The whole VM, with the new process, before that is joined: it holds what its plan says, and nobody else has changed. */
  async #verify(): Promise<void> {
    if (this.#standing === undefined) throw new Error("nothing was started");
    const { prepared, evidence, started } = this.#standing;
    // Not the VMM's new plan yet: its end of the channel comes with the joining.
    const { processes } = evidence.plan;
    const others = processes.filter(({ id }) => id !== VMM_ID);
    const vmm = processes.filter(({ id }) => id === VMM_ID);
    const plan = { ...prepared.plan, processes: [...others, prepared.process, ...vmm] };
    await verifySettledMachine(plan, [...evidence.started, { ...started, phase: this.#gate?.phase ?? null }]);
    // From here on the channel has its two peers, and the supervisor, which gives its copy to the VMM; and the listener has the
    // supervisor alone: of two that answer, one would wait for a call that the other has taken.
    this.#closeShared();
  }

  /** Ends the process of a device that did not become part of the VM: a supervisor that died, or gave up waiting, has not. */
  async abandon(): Promise<void> {
    const run = findRun(this.#directories, this.#vm);
    const joined = run === null ? undefined : readEvidence(run)?.plan.processes.some(({ id }) => id === this.#added.device.id);
    if (joined !== true) await this.#kill();
  }

  async #kill(): Promise<void> {
    const pidfd = this.#pidfd;
    if (pidfd === undefined) return;
    try {
      addon.sendSignal({ pidfd, signal: SIGKILL });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
    await addon.waitExit({ pidfd, keepAlive: true });
  }

  /** The supervisor has its own copies of what it took; where it took none, the kernel refuses start calls. */
  close(): void {
    if (this.#pidfd !== undefined) closeSync(this.#pidfd);
    this.#pidfd = undefined;
    this.#closeShared();
  }

  /** What others hold by now. */
  #closeShared(): void {
    this.#made?.close();
    this.#gate?.close();
    if (this.#lines !== undefined) for (const fd of fdsOfLines(this.#lines).values()) closeSync(fd);
    this.#lines = undefined;
  }
}

async function spawn(
  { process: plan, filter }: PreparedDevice,
  fds: ProcessFds,
  vm: { readonly running: LaunchPlan; readonly vmmPid: number },
): Promise<WatchedProcess> {
  const session = joinSession(vm.running, vm.vmmPid);
  const manifest = new Map(fds.held.map((held) => [held.plan.fd, held.fd as number]));
  try {
    return await spawnProcess({ plan, manifest, filter, bootFiles: [], session });
  } finally {
    session.close();
  }
}

function pidOf({ started }: RunEvidence, id: string): number {
  return started.find(({ plan }) => plan.id === id)?.pid ?? 0;
}

interface Made {
  readonly prepared: PreparedDevice;
  readonly evidence: RunEvidence;
  readonly fds: ProcessFds;
  /** `dev:ino` of the VMM's end. */
  readonly channel: string;
}

function factsOf({ prepared, evidence, fds, channel }: Made, { pid, session }: WatchedProcess) {
  const { plan, process, inventory, join } = prepared;
  const identity = identifyProcess(pid);
  if (identity === null) throw new Error(`/proc does not show process ${pid} of ${process.id}`);
  // The VMM's newest manifest entry: the channel of the device.
  const vmmFd = plan.processes.find(({ id }) => id === VMM_ID)?.fds.at(-1)?.fd ?? -1;
  return {
    plan,
    // Paths of the VM file start from its own directory, whatever that of the device file was.
    spec: { ...prepared.spec, source: evidence.spec.source },
    inventory,
    inodes: { ...inodesOf(new Map([[process.id, fds]])), [VMM_ID]: { [String(vmmFd)]: channel } },
    join,
    process: { id: process.id, role: process.role, session, ...identity },
  };
}

function planningOf({ hostConfig, ...others }: WirePlanning, directories: Directories): PlanningContext {
  const { source } = hostConfig;
  const located = source === null ? null : { ...source, locate: () => source.file };
  return { ...others, directories, hostConfig: { ...hostConfig, source: located } };
}

/** The kernel tells a supervisor of sockets of its own network namespace alone, and a hang shows in the channel's. */
function requireSameNetwork({ record }: KnownRun, device: string): void {
  const own = readlinkSync("/proc/self/ns/net");
  const other = readlinkSync(`/proc/${record.launcher.pid}/ns/net`);
  if (own === other) return;
  throw new MachineError({
    code: "network-differs",
    tried: `Cannot add device "${device}" to VM "${record.vm}"`,
    subject: device,
    answer: `this process is in the network namespace ${own}, the VM's supervisor in ${other}`,
    remedy: `Run it in the supervisor's: nsenter --net=/proc/${record.launcher.pid}/ns/net`,
  });
}
