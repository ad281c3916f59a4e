import type { ResolvedPolicy } from "../../policy/index.js";
import type { CallFrequency, SyscallRule } from "../../seccomp/index.js";
import type { TracedGrant } from "../audited.js";

/** A role policy of ours, or a set. */
export interface PolicyFacts {
  readonly kind: "policy";
  /** `role disk`. */
  readonly subject: string;
  readonly start: readonly SyscallRule[];
  readonly run: readonly SyscallRule[];
  /** What it was seen to call while its guest ran; empty where nobody has measured it. */
  readonly frequencies: readonly CallFrequency[];
}

/** Rules in the policy's own words: `ioctl(request in [FIONBIO])`. */
export function wordRule({ syscall, checks }: Pick<SyscallRule, "syscall" | "checks">): string {
  return `${syscall}(${checks.map(({ text }) => text).join(", ")})`;
}

/** Every rule as a grant, with the file that says it and why. */
export function traceRules({ subject, start, run }: Pick<PolicyFacts, "subject" | "start" | "run">): TracedGrant[] {
  const trace = (rules: readonly SyscallRule[], phase: string): TracedGrant[] =>
    rules.map((rule) => ({
      subject,
      grant: `${wordRule(rule)}${phase}${rule.action.kind === "allow" ? "" : ` is answered ${rule.action.kind}`}`,
      from: `${rule.position.file}:${rule.position.line}`,
      why: rule.why,
    }));
  return [...trace(start, " until lock-down"), ...trace(run, "")];
}

/** What a role is granted besides calls: files, nodes, descriptors of its own making, opens while it is attached. */
export function traceGrants(subject: string, policy: ResolvedPolicy): TracedGrant[] {
  const at = ({
    position,
    why,
  }: ResolvedPolicy["files"][number] | ResolvedPolicy["nodes"][number] | ResolvedPolicy["selfMade"][number]) =>
    ({ subject, from: `${position.file}:${position.line}`, why }) as const;
  return [
    ...policy.files.map((grant) => ({ ...at(grant), grant: `reads ${grant.path} of the installation` })),
    ...policy.nodes.map((grant) => ({ ...at(grant), grant: `/dev/${grant.name}, ${grant.access}` })),
    ...policy.selfMade.map((grant) => ({ ...at(grant), grant: `makes up to ${grant.max} of ${grant.kind}` })),
    ...policy.attach.map((grant) => ({
      subject,
      from: `${grant.position.file}:${grant.position.line}`,
      why: grant.why,
      grant: `is handed ${grant.path}, ${grant.access}`,
    })),
  ];
}
