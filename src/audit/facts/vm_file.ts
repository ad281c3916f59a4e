import type { LaunchPlan, ProcessPlan } from "../../plan/index.js";
import type { ResolvedPolicy } from "../../policy/index.js";
import { type CallFrequency, combinePhases } from "../../seccomp/index.js";
import type { VmSpec } from "../../spec/index.js";
import type { Audited, TargetFacts, TracedGrant } from "../audited.js";
import type { Location, Unknown } from "../finding.js";
import { auditFilter } from "./make_filter_facts.js";
import type { PlanFacts } from "./plan_facts.js";
import { type PolicyFacts, traceGrants, traceRules } from "./policy_facts.js";

/** A process of a VM file, and the policy that it will have. */
export interface RolePolicy {
  readonly id: string;
  readonly policy: ResolvedPolicy;
  readonly frequencies: readonly CallFrequency[];
}

export interface VmFile {
  readonly spec: VmSpec;
  /** Of every device and of the VMM, in the file's order. */
  readonly roles: readonly RolePolicy[];
  /** Null where this host cannot make one; `unknown` says why. */
  readonly plan: LaunchPlan | null;
  readonly unknown: readonly Unknown[];
}

/** All that a VM file says and leads to. Processes of one role have one policy, which is judged once. */
export function auditVmFile({ spec, roles, plan, unknown }: VmFile): TargetFacts {
  const byRole = new Map<string, RolePolicy[]>();
  for (const role of roles) byRole.set(role.policy.role, [...(byRole.get(role.policy.role) ?? []), role]);
  const read = [...byRole.values()].map((same) => auditRole(same));
  const planned = (plan?.processes ?? []).map((process): Audited => {
    return { subject: `${process.id} of ${spec.name}`, facts: [planFacts(spec, process)], isUnfiltered: false };
  });
  return {
    target: spec.source.file,
    audited: [...read.flatMap(({ audited }) => audited), ...planned],
    unknown: [...unknown, ...read.flatMap((one) => one.unknown)],
    grants: [...(plan?.processes ?? []).flatMap((process) => tracePlan(spec, process)), ...read.flatMap(({ grants }) => grants)],
  };
}

function auditRole(same: readonly RolePolicy[]): TargetFacts {
  const [{ policy, frequencies }] = same as readonly [RolePolicy];
  const subject = `role ${policy.role} (${same.map(({ id }) => id).join(", ")})`;
  const { start, run } = policy.seccomp;
  const facts: PolicyFacts = { kind: "policy", subject, start, run, frequencies };
  const rules = combinePhases(policy.seccomp, "lock-down");
  const location: Location = { file: policy.sources[0] ?? `roles/${policy.role}.yaml`, line: 1 };
  const read = auditFilter({ subject, source: { kind: "rules", rules }, rules: rules.rules, location, openEntries: [] });
  return {
    target: subject,
    audited: read.audited.map((one) => ({ ...one, facts: [...one.facts, facts] })),
    unknown: read.unknown,
    grants: [...traceRules(facts), ...traceGrants(subject, policy)],
  };
}

function planFacts(spec: VmSpec, process: ProcessPlan): PlanFacts {
  const location = locateProcess(spec, process.id);
  return { kind: "plan", subject: `${process.id} of ${spec.name}`, process, required: spec.require, location };
}

/** What the plan hands over, with the purpose that it states. */
function tracePlan(spec: VmSpec, process: ProcessPlan): TracedGrant[] {
  const { file, line } = locateProcess(spec, process.id);
  const subject = `${process.id} of ${spec.name}`;
  return process.fds.map(({ fd, kind, access, purpose }) => {
    return { subject, grant: `fd ${fd}: ${kind}, ${access}`, from: `${file}:${line}`, why: purpose };
  });
}

/** The device's entry; for the VMM, which has none, the machine's. */
function locateProcess({ devices, source }: VmSpec, id: string): Location {
  const index = devices.findIndex((device) => device.id === id);
  const [, file = source.file, line = "1", column = "1"] =
    /^(.*):(\d+):(\d+)$/.exec(source.locate(index < 0 ? ["machine"] : ["devices", index])) ?? [];
  return { file, line: Number(line), column: Number(column) };
}
