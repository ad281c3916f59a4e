import { findWider, type Grants, grantsOf } from "../../src/compliance/boundary/reviewed_grants.js";
import { NODE_NAMES, type ResolvedPolicy, SELF_MADE_KINDS } from "../../src/policy/index.js";
import type { JudgedMutant } from "./mutant.js";

/** A role's policy with one grant more, or more of one. */
interface GrantMutant {
  readonly id: string;
  readonly policy: ResolvedPolicy;
}

const POSITION = { file: "mutant", line: 1, column: 1 };
const GRANT = { why: "mutant", position: POSITION };
/** Files that a process could use against its host. */
const FILES = ["/etc/passwd", "/bin/sh"];

/** Every mutant of what a role's policy grants beside its calls, judged by what was reviewed. */
export function judgeGrantMutants(reviewed: Grants, policy: ResolvedPolicy): JudgedMutant[] {
  return grantMutants(policy).map(({ id, policy: mutated }) => {
    const [wider] = findWider(reviewed, grantsOf(mutated));
    const evidence = `${wider?.grant}: ${wider?.granted}, reviewed ${wider?.reviewed}`;
    return {
      id: `${policy.role}/${id}`,
      layer: "grants",
      outcome: wider === undefined ? { kind: "uncovered" } : { kind: "noticed", by: "reviewed grants", evidence },
    };
  });
}

function grantMutants(policy: ResolvedPolicy): GrantMutant[] {
  const { limits, nodes, files, attach, selfMade, afterLockDown } = policy;
  const change = (id: string, changed: Partial<ResolvedPolicy>): GrantMutant => ({ id, policy: { ...policy, ...changed } });
  return [
    ...Object.entries(limits).map(([name, value]) => change(`raise-limit/${name}`, { limits: { ...limits, [name]: value + 1 } })),
    ...NODE_NAMES.filter((name) => !nodes.some((node) => node.name === name)).map((name) =>
      change(`add-node/${name}`, { nodes: [...nodes, { name, access: "rw", ...GRANT }] }),
    ),
    ...nodes
      .filter(({ access }) => access !== "rw")
      .map((node) =>
        change(`write-node/${node.name}`, { nodes: nodes.map((one) => (one === node ? { ...one, access: "rw" } : one)) }),
      ),
    ...FILES.map((path) => change(`add-file${path}`, { files: [...files, { path, optional: false, ...GRANT }] })),
    ...FILES.map((path) => change(`add-attach${path}`, { attach: [...attach, { path, access: "r", ...GRANT }] })),
    ...SELF_MADE_KINDS.filter((kind) => !selfMade.some((made) => made.kind === kind)).map((kind) =>
      change(`add-fd/${kind}`, { selfMade: [...selfMade, { kind, max: 1, ...GRANT }] }),
    ),
    ...selfMade.map((made) =>
      change(`more-fds/${made.kind}`, { selfMade: selfMade.map((one) => (one === made ? { ...one, max: one.max + 1 } : one)) }),
    ),
    ...(afterLockDown === "kill" ? [change("refuse-after-lock-down", { afterLockDown: "refuse" })] : []),
  ];
}
