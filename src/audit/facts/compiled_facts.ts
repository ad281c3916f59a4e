import {
  type CompiledPolicy,
  computeMatrix,
  type MatrixCell,
  type MatrixProcess,
  readPermissiveTypes,
} from "../../selinux/index.js";
import type { SelinuxDomain, SelinuxFacts, SelinuxReach, SelinuxTransition } from "./selinux_facts.js";

/** Domains that categories are to keep apart, ours and those of other managers; what a policy does not know is left out. */
const KEPT_APART = [
  ...["bulkhead_vmm_t", "bulkhead_disk_t", "bulkhead_net_t", "bulkhead_serial_t", "bulkhead_usb_t", "bulkhead_audio_t"],
  ...["bulkhead_watchdog_t", "bulkhead_image_judge_t"],
  ...["svirt_t", "svirt_tcg_t", "qemu_t", "container_t", "svirt_lxc_net_t"],
];
const LAUNCHERS = ["bulkhead_t", "unconfined_t", "sysadm_t", "virtd_t", "virtqemud_t", "container_runtime_t"];
/** Contexts in which a type may be asked about, whichever roles the policy lets it have. */
const ROLES = ["system_u:system_r", "unconfined_u:unconfined_r", "root:sysadm_r", "system_u:object_r"];

/** Asks by which most domains can be told apart: what almost each may do to its own kind. */
const OWN_ACTS: readonly (readonly [objectClass: string, permission: string])[] = [
  ["process", "signal"],
  ["process", "getsched"],
  ["file", "read"],
  ["fifo_file", "write"],
  ["unix_stream_socket", "write"],
];

/** Two disks show what holds devices of one role apart. */
const MATRIX: readonly MatrixProcess[] = [
  ...["disk0", "disk1"].map((id) => ({ id, role: "disk", isVmm: false })),
  ...["net", "serial", "usb", "audio", "watchdog"].map((role) => ({ id: `${role}0`, role, isVmm: false })),
  { id: "vmm", role: "vmm", isVmm: true },
];

/** Facts of a compiled policy, by asking libsepol. Throws SelinuxInputError "policy-damaged". */
export function readCompiledFacts(file: string, policy: CompiledPolicy): SelinuxFacts {
  const permissive = readPermissiveTypes(file);
  const domains = KEPT_APART.flatMap((type) => contextOf(policy, type) ?? []);
  const launchers = LAUNCHERS.flatMap((type) => contextOf(policy, type) ?? []);
  const named = domains.map((context): SelinuxDomain => {
    return {
      type: typeOf(context),
      isConstrained: isConstrained(policy, context),
      isPermissive: permissive?.includes(typeOf(context)) ?? null,
      isLauncher: false,
      location: null,
    };
  });
  const others = (permissive ?? []).filter((type) => !named.some((domain) => domain.type === type));
  return {
    kind: "selinux",
    subject: file,
    domains: [
      ...named,
      ...others.map((type) => ({ type, isConstrained: null, isPermissive: true, isLauncher: false, location: null })),
    ],
    transitions: launchers.flatMap((from) => domains.flatMap((to) => transition(policy, from, to) ?? [])),
    reaches: domains.flatMap((source) => domains.flatMap((target) => reach(policy, source, target) ?? [])),
    cells: matrixOf(policy, domains),
  };
}

function contextOf(policy: CompiledPolicy, type: string): string | undefined {
  return ROLES.map((role) => `${role}:${type}:s0`).find((context) => policy.knows(context));
}

function typeOf(context: string): string {
  return context.split(":")[2] ?? "";
}

/** Asked about an object of its own kind with a category that it has not: allowed, it is not constrained. */
function isConstrained(policy: CompiledPolicy, context: string): boolean | null {
  const target = `${context}:c0`;
  for (const [objectClass, permission] of OWN_ACTS) {
    const ask = (to: string) => policy.decide({ source: context, target: to, objectClass, permissions: [permission] });
    if (ask(context).denied.length > 0) continue;
    return ask(target).refusedBy.includes("constraint");
  }
  return null;
}

function transition(policy: CompiledPolicy, from: string, to: string): SelinuxTransition | undefined {
  const may = (objectClass: string, permission: string): boolean =>
    policy
      .decide({ source: from, target: to, objectClass, permissions: [permission] })
      .refusedBy.every((one) => one !== "typeRule");
  if (!may("process", "transition")) return undefined;
  return { from: typeOf(from), to: typeOf(to), underNoNewPrivs: may("process2", "nnp_transition"), location: null };
}

/** fd is the one such class that every policy has and that descriptors travel by. */
function reach(policy: CompiledPolicy, source: string, target: string): SelinuxReach | undefined {
  const question = { source: `${source}:c0`, target: `${target}:c1`, objectClass: "fd", permissions: ["use"] };
  if (source === target || policy.decide(question).denied.length > 0) return undefined;
  return { source: typeOf(source), target: typeOf(target), objectClass: "fd", permissions: ["use"], location: null };
}

/** Only of a policy that has all our domains; others have no such roles. */
function matrixOf(policy: CompiledPolicy, domains: readonly string[]): readonly MatrixCell[] | null {
  const types = domains.map(typeOf);
  return MATRIX.every(({ role }) => types.includes(`bulkhead_${role}_t`)) ? computeMatrix(policy, MATRIX) : null;
}
