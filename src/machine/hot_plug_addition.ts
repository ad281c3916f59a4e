import { randomUUID } from "node:crypto";
import { closeSync } from "node:fs";
import { type ProcessPlan, requireHotPlugSlot, roleKey } from "../plan/index.js";
import { DeviceProxy } from "../protocol/index.js";
import { CallGate, watchProcess } from "../sandbox/index.js";
import { VMM_ID } from "../spec/index.js";
import { logEvent } from "../state/index.js";
import { type AdditionFacts, type AdditionReport, takeAdditionFacts } from "./addition_facts.js";
import { attachAll, lockDevices } from "./attach.js";
import { collectFailures } from "./collect_failures.js";
import { orEarlyDeath } from "./early_death.js";
import { changeEvidence } from "./evidence.js";
import type { Handover } from "./handover.js";
import { holdListeners, keptFds, keptLines } from "./keeper.js";
import { type MachineProcess, monitorOf } from "./machine_process.js";
import { ProcessLog } from "./process_log.js";
import { QmpClient } from "./qmp_client.js";
import { logRefusals } from "./refused_call.js";
import { connectSerialEnd, namesOfLine, takeLines } from "./serial_line.js";
import { removeStrays } from "./strays.js";
import type { Supervision } from "./supervision.js";
import type { Talk } from "./talk.js";

/** Register of configuration space: PCI Local Bus Specification 3.0, 6.1. */
const VENDOR_ID = 0x00;

/** How long a device process may take to end once the VMM has closed its channel, in ms. */
const FOLLOW_GRACE_MS = 1000;

/**
 * The supervisor's part of adding a device, for which it needs no privilege: `bulkhead device add` starts the process, and hands it
 * over. Whatever was made is undone when a later step fails, or when the other side dies.
 */
export class Addition {
  readonly #supervision: Supervision;
  readonly #handover: Handover;
  #handed = new Map<string, number>();
  #process: MachineProcess | undefined;
  #handedPidfd = -1;

  constructor(supervision: Supervision, handover: Handover) {
    this.#supervision = supervision;
    this.#handover = handover;
  }

  async execute(id: string, talk: Talk): Promise<AdditionReport> {
    const { run, machine, kernelLog, planning } = this.#supervision;
    requireHotPlugSlot(machine.plan, id);
    const token = randomUUID();
    await talk.ask({ step: "start", token, planning: planningOf(this.#supervision) });
    this.#handed = this.#handover.take(token);
    const facts = takeAdditionFacts(run.directory);
    const plan = facts.plan.processes.find((process) => process.id === id);
    if (plan === undefined) throw new Error(`the plan that was handed over has no ${id}`);
    const process = this.#takeOver(facts, plan);
    const context = { vm: machine.plan.vm, directories: planning.directories, kernelLog };
    const starting = { devices: [process], vmm: null };
    // Its gate is with whoever started it until it is verified.
    await lockDevices(starting, context, () => talk.ask({ step: "lock" }));
    if (process.monitor === null) await orEarlyDeath([process], context, () => this.#lockProgram(id, talk));
    await attachAll(starting, context);
    await orEarlyDeath([process], context, async () => {
      await talk.ask({ step: "verify" });
      this.#takeGate(process);
      await this.#join(facts, id);
    });
    this.#keep(facts, process);
    return { id, pid: process.confined.pid, warning: plan.warning ?? null };
  }

  /** The VM as it was. Each step is taken whatever became of the others; returns what failed. */
  async undo(): Promise<unknown[]> {
    const { machine, run, planning } = this.#supervision;
    const added = this.#process;
    return collectFailures([
      async () => (added === undefined ? undefined : endProcess(added)),
      () => (added === undefined ? undefined : letGoOfLines(this.#supervision, added)),
      () => this.#closeHanded(),
      () => removeStrays(machine.plan, run, planning.directories),
    ]);
  }

  #takeOver(facts: AdditionFacts, plan: ProcessPlan): MachineProcess {
    const { run, keeper, feed, onLogLine } = this.#supervision;
    const { pid, session, startTime, id } = facts.process;
    run.update({ processes: [...run.record.processes, facts.process], uids: [...run.record.uids, plan.uid] });
    const log = this.#take("log");
    const monitor = this.#handed.has("monitor") ? this.#take("monitor") : null;
    const serial = this.#handed.has("serial") ? this.#take("serial") : null;
    const lines = takeLines(this.#handed, [id]);
    for (const kept of [...keptFds(new Map([[id, { monitor, log, serial }]])), ...keptLines(lines)]) keeper.hold(kept);
    if (serial !== null) connectSerialEnd({ id, fd: serial }, lines, { stdio: null, feed });
    const show = (line: string): void => {
      onLogLine(id, line);
      feed.publish({ kind: "log", process: id, line });
    };
    const channelFd = plan.fds.find(({ source }) => source.from === "channel")?.fd;
    const process: MachineProcess = {
      // It is the child of whoever started it.
      confined: { ...watchProcess(plan, { pid, session, pidfd: this.#pidfd(), gate: new CallGate(plan) }), startTime },
      monitor: monitor === null ? null : new QmpClient(monitor, id),
      log: new ProcessLog(log, show),
      channelInode: Number(facts.inodes[id]?.[String(channelFd)]?.split(":")[1]),
    };
    this.#process = process;
    return process;
  }

  /** A program that is no QEMU has started when it answers on its channel, which the VMM does not have yet. */
  async #lockProgram(name: string, talk: Talk): Promise<void> {
    const proxy = new DeviceProxy({ fd: this.#handed.get("channel") ?? -1, name, keepsFd: true });
    await proxy.readConfig(VENDOR_ID, 2).finally(() => proxy.close());
    await talk.ask({ step: "lock" });
  }

  /** From here on its start calls are refused here and, should this supervisor die, by the keeper. */
  #takeGate({ confined }: MachineProcess): void {
    const { keeper, planning, machine } = this.#supervision;
    const { pid, gate } = confined;
    const [listenerFd, memoryFd, mapsFd] = [this.#take("listener"), this.#take("memory"), this.#take("maps")];
    gate?.takeOver({ pid, pidfd: this.#handedPidfd, listenerFd, memoryFd, mapsFd });
    logRefusals(planning.directories, machine.plan.vm, confined);
    holdListeners(keeper, [{ confined }]);
  }

  #pidfd(): number {
    this.#handedPidfd = this.#take("pidfd");
    return this.#handedPidfd;
  }

  async #join({ join }: AdditionFacts, id: string): Promise<void> {
    const process = this.#supervision.processes.get(VMM_ID);
    if (process === undefined) throw new Error("a machine without a VMM");
    const vmm = monitorOf(process);
    await vmm.passFd(id, this.#handed.get("channel") ?? -1);
    // QEMU closes the descriptor itself when the command fails after it has taken it.
    await vmm.execute(join.execute, join.arguments).catch(async (error: unknown) => {
      await vmm.execute("closefd", { fdname: id }).catch(() => {});
      throw error;
    });
    // A copy of the channel would hide the VMM's death from the device.
    this.#closeHanded();
  }

  /** Nothing here fails but for a full disk; the device is part of the VM now. */
  #keep({ plan, spec, inodes, inventory }: AdditionFacts, process: MachineProcess): void {
    const { run, machine, planning, processes } = this.#supervision;
    const { id } = process.confined.plan;
    this.#supervision.spec = spec;
    processes.set(id, process);
    machine.replacePlan(plan);
    machine.watch(process);
    changeEvidence(run, { plan, spec, inodes, inventories: { [roleKey(process.confined.plan)]: inventory } });
    const detail = `device "${id}" is part of the VM`;
    logEvent(planning.directories, { event: "device-added", vm: plan.vm, process: id, detail });
  }

  #take(name: string): number {
    const fd = this.#handed.get(name);
    if (fd === undefined) throw new Error(`no ${name} was handed over`);
    this.#handed.delete(name);
    return fd;
  }

  #closeHanded(): void {
    const fds = [...this.#handed.values()];
    this.#handed.clear();
    for (const fd of fds) closeSync(fd);
  }
}

function planningOf({ planning }: Supervision) {
  const { hostConfig, policyFolder, qemu } = planning;
  const { source } = hostConfig;
  const file = source === null ? null : { file: source.file, directory: source.directory };
  return { hostConfig: { ...hostConfig, source: file }, policyFolder, qemu };
}

/** The files of its line are free for another VM, or for this one again. */
export function letGoOfLines({ keeper }: Pick<Supervision, "keeper">, { confined: { plan } }: MachineProcess): void {
  if (!plan.fds.some(({ source }) => source.from === "serial")) return;
  for (const name of namesOfLine(plan.id)) keeper.drop(name);
}

/** Waits until a device process has followed its channel; one that does not is killed. */
export async function endProcess({ confined, monitor }: MachineProcess): Promise<void> {
  const timer = setTimeout(() => confined.kill(), FOLLOW_GRACE_MS);
  await confined.ended;
  clearTimeout(timer);
  monitor?.close();
}
