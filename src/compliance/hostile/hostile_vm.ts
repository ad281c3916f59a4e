import { closeSync } from "node:fs";
import { HOSTILE_DEVICE_PROGRAM } from "../../kernel/index.js";
import {
  type DeathCause,
  type LaunchRequest,
  launchPart,
  type MachineProcess,
  monitorOf,
  type PartialMachine,
  type PlanRequest,
} from "../../machine/index.js";
import { DeviceProxy } from "../../protocol/index.js";
import type { RefusedCall } from "../../sandbox/index.js";
import { type Layer, VMM_ID, type VmSpec } from "../../spec/index.js";
import { DeviceTraffic } from "./device_traffic.js";
import { type HostileSpec, makeHostileSpec, NEIGHBOUR_ID, type SpecShape } from "./hostile_spec.js";
import { expectedDifferences, withoutLayers } from "./layers_off.js";
import { BarPuppet, MonitorPuppet } from "./puppet.js";
import type { Subject } from "./subject.js";
import { VmmTraffic } from "./vmm_traffic.js";

/** Longest wait for a hostile process to answer, in ms: an act is a few system calls. */
const ANSWER_DEADLINE_MS = 5000;
/** Longest wait for a process whose channel closed to be reaped, in ms. */
const DEATH_DEADLINE_MS = 2000;

/** What every VM of a run is launched from. */
export interface HostileRequest extends Omit<PlanRequest, "spec" | "standIn"> {
  /** The machine whose devices and VMM are attacked from. */
  readonly template: VmSpec;
}

/** Which VM is wanted. */
export interface HostileVmShape extends SpecShape {
  /** Layers that its processes start without; in a test-only launch alone. */
  readonly off: readonly Layer[];
}

interface HostileVmParts {
  readonly machine: PartialMachine;
  readonly written: HostileSpec;
  readonly subjects: readonly Subject[];
  readonly proxies: readonly DeviceProxy[];
  readonly traffic: readonly { close(): void }[];
}

/** A VM whose processes are all hostile, up and verified: docs/decisions/0068-hostile-device.md. */
export class HostileVm {
  readonly #parts: HostileVmParts;

  private constructor(parts: HostileVmParts) {
    this.#parts = parts;
  }

  get machine(): PartialMachine {
    return this.#parts.machine;
  }

  get subjects(): readonly Subject[] {
    return this.#parts.subjects;
  }

  /** Throws what launchPart() throws; then nothing is left. */
  static async launch(request: HostileRequest, shape: HostileVmShape): Promise<HostileVm> {
    const written = await makeHostileSpec({ ...request, runDirectory: request.directories.run }, shape);
    try {
      const machine = await launchPart(launchRequest(request, written, shape.off), {
        starts: ({ id }) => (id === VMM_ID) === (shape.role === VMM_ID),
        ...(shape.off.length === 0 ? {} : { accepts: ({ layer }) => expectedDifferences(shape.off).includes(layer) }),
      });
      for (const fd of machine.lines.values()) closeSync(fd);
      const play = shape.role === VMM_ID ? playDevices : playVmm;
      return new HostileVm(await play(machine, written));
    } catch (error) {
      await written.remove();
      throw error;
    }
  }

  /** Ends every process; nothing of the VM is left. */
  async end(): Promise<void> {
    const { machine, written, proxies, traffic } = this.#parts;
    for (const proxy of proxies) proxy.close();
    await machine.end();
    for (const one of traffic) one.close();
    await written.remove();
  }
}

function launchRequest({ template: _, ...request }: HostileRequest, { spec }: HostileSpec, off: readonly Layer[]): LaunchRequest {
  return {
    ...request,
    // Whatever roots the administrator gave images: these are the suite's own, in a folder of its own.
    hostConfig: { ...request.hostConfig, imageRoots: null },
    spec,
    standIn: HOSTILE_DEVICE_PROGRAM,
    stdio: null,
    onLogLine: () => {},
    ...(off.length === 0 ? {} : { alterSpawn: withoutLayers(off) }),
  };
}

/** The suite is the VMM. */
async function playVmm(machine: PartialMachine, written: HostileSpec): Promise<HostileVmParts> {
  const proxies = new Map<string, DeviceProxy>();
  const traffic = new Map<string, DeviceTraffic>();
  for (const [name, fd] of machine.channels) {
    const proxy = new DeviceProxy({ fd, name, deadlineMs: ANSWER_DEADLINE_MS });
    proxies.set(name, proxy);
    traffic.set(name, await DeviceTraffic.begin(proxy));
  }
  // One at a time: several subjects ask for their neighbour's work at once.
  const workOf = oneAtATime((id: string) => (traffic.get(id) as DeviceTraffic).check());
  const subjects = written.subjects.map((id) =>
    makeSubject(machine, id, {
      puppet: new BarPuppet(proxies.get(id) as DeviceProxy),
      work: () => workOf(id),
      neighbourWork: () => workOf(NEIGHBOUR_ID),
    }),
  );
  return { machine, written, subjects, proxies: [...proxies.values()], traffic: [...traffic.values()] };
}

/** The work of each process in turn; that of different processes goes side by side. */
function oneAtATime(work: (id: string) => Promise<string | null>): (id: string) => Promise<string | null> {
  const turns = new Map<string, Promise<unknown>>();
  return (id) => {
    const result = (turns.get(id) ?? Promise.resolve()).then(() => work(id));
    turns.set(
      id,
      result.catch(() => {}),
    );
    return result;
  };
}

/** The suite is the devices. */
async function playDevices(machine: PartialMachine, written: HostileSpec): Promise<HostileVmParts> {
  const puppet = new MonitorPuppet(monitorOf(processOf(machine, VMM_ID)), ANSWER_DEADLINE_MS);
  const traffic = VmmTraffic.begin(machine, puppet);
  const work = () => traffic.check();
  const subject = makeSubject(machine, VMM_ID, { puppet, work, neighbourWork: async () => null });
  return { machine, written, subjects: [subject], proxies: [], traffic: [traffic] };
}

function processOf(machine: PartialMachine, id: string): MachineProcess {
  const process = machine.processes.get(id);
  if (process === undefined) throw new Error(`no process ${id} was started`);
  return process;
}

function makeSubject(machine: PartialMachine, id: string, parts: Pick<Subject, "puppet" | "work" | "neighbourWork">): Subject {
  const own = processOf(machine, id);
  const { confined } = own;
  const refused: RefusedCall[] = [];
  confined.gate?.onRefusal((call) => void refused.push(call));
  const sibling = machine.processes.get(NEIGHBOUR_ID)?.confined.pid ?? process.pid;
  const channel = confined.plan.fds.find(({ source }) => source.from === "channel")?.fd ?? -1;
  const names = new Map(
    Object.entries({ sibling, launcher: process.pid, monitor: 3, channel }).map(([name, value]) => [name, BigInt(value)]),
  );
  const { role, cgroup } = confined.plan;
  return { id, role, cgroup: cgroup?.path ?? null, names, refused, ...parts, death: () => deathOf(machine, own) };
}

async function deathOf(machine: PartialMachine, { confined }: MachineProcess): Promise<DeathCause | null> {
  const timeout = new Promise<null>((resolve) => setTimeout(resolve, DEATH_DEADLINE_MS, null).unref());
  const status = await Promise.race([confined.ended, timeout]);
  return status === null ? null : machine.explain(confined.plan.id, status);
}
