import { BulkheadError, StateError } from "../../errors/index.js";
import type { LaunchPlan } from "../../plan/index.js";
import { VMM_ID } from "../../spec/index.js";
import { isAlive, type KnownRun } from "../../state/index.js";
import {
  LAUNCHER_ID,
  type MachineReading,
  type RunEvidence,
  readEvidence,
  readLauncher,
  readSettledMachine,
} from "../../verify/index.js";
import type { TargetFacts } from "../audited.js";
import type { Unknown } from "../finding.js";
import { pictureProcess } from "../picture.js";
import { declareObjects } from "./declared_objects.js";
import { type GraphProcess, makeFdGraph } from "./fd_graph.js";
import { type LiveRead, LiveReader, type LiveRequest, landlockUnknown } from "./live_reader.js";
import type { VmFacts } from "./vm_facts.js";

/** Who holds monitors and consoles when the launcher is dead. */
const KEEPER_ID = "keeper";
const SERVANTS = [LAUNCHER_ID, KEEPER_ID];

/**
 * Reads a running VM: each of its processes as any other, all of them against the plan on record, and who holds what. Changes
 * nothing. Throws StateError "plan-missing".
 */
export async function auditVm(run: KnownRun, request: LiveRequest): Promise<TargetFacts> {
  const evidence = readEvidence(run);
  if (evidence === null) throw noPlan(run.record.vm);
  const subject = `VM ${run.record.vm}`;
  const compared = await compare(run, evidence, request);
  const reader = new LiveReader(request);
  const members = membersOf(run, evidence).map((member) => ({
    ...member,
    read: reader.read(member.pid, `${member.id} of ${run.record.vm}`),
  }));
  const present = members.flatMap(({ id, read }) => (read === null ? [] : [{ id, read }]));
  const judged = present.map(({ read }) => reader.judge(read));
  const graph = makeFdGraph(graphProcesses(present, evidence), {
    vmm: VMM_ID,
    devices: devicesOf(evidence.plan),
    servants: SERVANTS,
  });
  const vm: VmFacts = { kind: "vm", subject, state: run.state, plan: evidence.plan, graph, ...compared };
  return {
    target: run.record.vm,
    audited: [{ subject, facts: [vm], isUnfiltered: false }, ...judged.map(({ audited }) => audited)],
    unknown: [
      ...judged.flatMap(({ unknown }) => unknown),
      ...landlockUnknown(`${subject}, each process`, reader.host),
      ...goneMembers(members, subject),
    ],
    grants: [],
    picture: { processes: present.map(({ id, read }) => pictureProcess(id, read.facts)), edges: graph.edges },
  };
}

function devicesOf(plan: LaunchPlan): string[] {
  return plan.processes.map(({ id }) => id).filter((id) => id !== VMM_ID);
}

/** The VM's processes, and those of ours that serve it. */
function membersOf({ record }: KnownRun, { started }: RunEvidence): { readonly id: string; readonly pid: number }[] {
  const own = started.map(({ plan, pid }) => ({ id: plan.id, pid }));
  const servants = [
    { id: LAUNCHER_ID, identity: record.launcher },
    { id: KEEPER_ID, identity: record.keeper },
  ];
  return [
    ...own,
    ...servants.flatMap(({ id, identity }) => (identity !== null && isAlive(identity) ? [{ id, pid: identity.pid }] : [])),
  ];
}

function graphProcesses(
  present: readonly { readonly id: string; readonly read: LiveRead }[],
  { started }: RunEvidence,
): GraphProcess[] {
  return present.map(({ id, read }) => {
    const own = started.find(({ plan }) => plan.id === id);
    const given = own === undefined ? new Map() : declareObjects(own, { vmm: VMM_ID, servants: SERVANTS });
    return { id, facts: read.facts, given };
  });
}

type Compared = Pick<VmFacts, "differences" | "filtersUnread" | "unread">;

/** As a launch verifies itself; what keeps it from being done is unknown, not fine. */
async function compare(run: KnownRun, { plan, started, missing }: RunEvidence, { ptrace }: LiveRequest): Promise<Compared> {
  try {
    const reading = await readSettledMachine(plan, started, { ptrace });
    const ended = missing.map(({ id, pid }) => {
      return { process: id, pid, layer: "namespaces", planned: "running", observed: "ended" } as const;
    });
    const own =
      run.record.launcherConfined === true && isAlive(run.record.launcher)
        ? readLauncher(plan.launcher, run.record.launcher.pid).differences
        : [];
    return {
      differences: [...reading.differences, ...ended, ...own],
      filtersUnread: findUnreadFilters(reading, started, ptrace),
      unread: null,
    };
  } catch (error) {
    return { differences: null, filtersUnread: [], unread: reasonOf(error) };
  }
}

/** What a reader answered; throws what is our own bug. */
function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof BulkheadError || code !== undefined) return message;
  throw error;
}

function findUnreadFilters(
  { filters }: MachineReading,
  started: RunEvidence["started"],
  ptrace: boolean,
): VmFacts["filtersUnread"] {
  return started.flatMap(({ plan, pid }) => {
    const loaded = filters.get(pid);
    if (loaded?.readable === true) return [];
    const why = ptrace ? (loaded?.why ?? "the process ended") : "no thread was to be stopped (--no-ptrace)";
    return [{ process: plan.id, why }];
  });
}

function goneMembers(
  members: readonly { readonly id: string; readonly pid: number; readonly read: LiveRead | null }[],
  subject: string,
): Unknown[] {
  return members
    .filter(({ read }) => read === null)
    .map(({ id, pid }) => ({ id: null, subject: `${id} of ${subject}, process ${pid}`, why: "it ended while it was read" }));
}

function noPlan(vm: string): StateError {
  return new StateError({
    code: "plan-missing",
    tried: `Cannot audit VM "${vm}"`,
    subject: vm,
    answer: "its launch has not come as far as a plan",
    remedy: "Wait for it, or stop it.",
  });
}
