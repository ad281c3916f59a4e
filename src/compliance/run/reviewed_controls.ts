import { ComplianceInputError } from "../../errors/index.js";
import type { MachineProcess } from "../../machine/index.js";
import { loadRolePolicy } from "../../policy/index.js";
import { readFilters } from "../../seccomp/index.js";
import { findLooseConfinement } from "../boundary/confinement_rules.js";
import { judgeFilter } from "../boundary/judge_filter.js";
import { findWider, grantsOf } from "../boundary/reviewed_grants.js";
import { type ReviewedRole, readReviewed } from "../boundary/reviewed_role.js";
import { HostileVm } from "../hostile/hostile_vm.js";
import type { ReportedControl } from "../report/compliance_report.js";
import type { Attacked, VmSource } from "./attempt_all.js";

/**
 * Controls without an act: what a process may do, all of it, is held against what its role was reviewed to be allowed. They notice
 * what no single act would: one call, one bit of an argument, one fd more. policies/reviewed has what was reviewed.
 */
export const REVIEWED_CONTROLS = {
  filter: {
    id: "RVW-01",
    title: "the filter that the kernel has of it lets nothing through that was not reviewed",
    threat: "A policy that was widened is a hole that its author did not see as one.",
  },
  grants: {
    id: "RVW-02",
    title: "limits, files, nodes and fds that its policy grants were reviewed",
    threat: "As with calls: what a role may hold decides what an intruder holds.",
  },
  confinement: {
    id: "RVW-03",
    title: "it shares no namespace, has no capability, and holds no fd of another role",
    threat: "A launcher that forgets a layer forgets it for every VM.",
  },
} as const;

const GROUP = "review";

interface Judged {
  readonly faults: readonly string[];
  /** What was looked at. */
  readonly evidence: string;
  readonly layer: string | null;
}

/** Judges one process of the role. `folder`: the policy folder that what was reviewed is read from. Throws what a launch throws. */
export async function judgeReviewed(source: VmSource, attacked: Attacked, folder: string): Promise<readonly ReportedControl[]> {
  const { role } = attacked;
  let reviewed: ReviewedRole;
  try {
    reviewed = readReviewed(folder, role);
  } catch (error) {
    if (!(error instanceof ComplianceInputError)) throw error;
    return Object.values(REVIEWED_CONTROLS).map((control) =>
      report(control, role, { verdict: "unmet", evidence: [error.message] }),
    );
  }
  source.signal?.throwIfAborted();
  const vm = await HostileVm.launch(source.hostile, { name: source.nameVm(), count: 1, ...attacked });
  try {
    const judged = {
      filter: judgeFilters(vm, reviewed),
      grants: judgeGrants(loadRolePolicy({ folder: source.hostile.policyFolder, role }), reviewed),
      confinement: judgeConfinement(vm),
    };
    return (["filter", "grants", "confinement"] as const).map((name) => verdictOf(REVIEWED_CONTROLS[name], role, judged[name]));
  } finally {
    await vm.end();
  }
}

function judgeFilters(vm: HostileVm, { rules }: ReviewedRole): Judged {
  const threads = attackersOf(vm).flatMap(({ pid }) => readFilters(pid));
  const bare = threads.filter(({ programs }) => programs.length === 0);
  const programs = new Map(threads.flatMap((thread) => thread.programs).map((program) => [program.sha256, program.bytes]));
  const judgements = [...programs.values()].map((program) => judgeFilter(rules, program));
  const breaches = judgements.flatMap((one) => one.breaches);
  const undecided = judgements.flatMap((one) => one.undecided ?? []);
  const faults = [
    ...bare.map(({ tid }) => `thread ${tid} has no filter`),
    ...breaches.map(({ call, reviewed, observed }) => `${call}: ${reviewed} as reviewed; ${observed}`),
    ...undecided.map((why) => `its filter was not compared for all calls: ${why}`),
  ];
  const calls = judgements.reduce((sum, { callsMade }) => sum + callsMade, 0);
  const evidence = `compared for all calls; ${calls} calls at the boundary were made in the kernel under the program that it gave back`;
  return { faults, evidence, layer: "seccomp" };
}

function judgeGrants(policy: ReturnType<typeof loadRolePolicy>, { grants }: ReviewedRole): Judged {
  const granted = grantsOf(policy);
  const faults = findWider(grants, granted).map(({ grant, reviewed, granted: now }) => `${grant}: ${now}, reviewed ${reviewed}`);
  return { faults, evidence: `${Object.keys(granted).length} grants`, layer: null };
}

function judgeConfinement(vm: HostileVm): Judged {
  const faults = attackersOf(vm).flatMap(({ plan }) => findLooseConfinement(plan));
  const accepted = vm.machine.accepted.map(({ process, layer, planned, observed }) => {
    return `${process}, layer ${layer}: planned ${planned}, observed ${observed}`;
  });
  return { faults: [...faults, ...accepted], evidence: "the process was verified to be what its plan says", layer: null };
}

/** The hostile processes as they were launched. */
function attackersOf({ machine, subjects }: HostileVm): MachineProcess["confined"][] {
  return subjects.map(({ id }) => {
    const process = machine.processes.get(id);
    if (process === undefined) throw new Error(`no process ${id} was started`);
    return process.confined;
  });
}

type ControlText = (typeof REVIEWED_CONTROLS)[keyof typeof REVIEWED_CONTROLS];

function verdictOf(control: ControlText, role: string, { faults, evidence, layer }: Judged): ReportedControl {
  if (faults.length > 0) return report(control, role, { verdict: "failed", evidence: faults });
  return { ...report(control, role, { verdict: "passed", evidence: [evidence] }), layer };
}

function report(
  { id, title }: ControlText,
  role: string,
  judged: Pick<ReportedControl, "verdict" | "evidence">,
): ReportedControl {
  return { id, title, group: GROUP, role, layer: null, ...judged };
}
