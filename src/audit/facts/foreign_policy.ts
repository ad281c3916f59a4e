import type { FilterRules, SyscallRule } from "../../seccomp/index.js";
import type { OpenEntry } from "./filter_facts.js";

/** A policy in the format of another project, as far as its text says more than its rules. */
export interface ForeignPolicy {
  readonly format: "minijail" | "oci" | "seccompiler";
  readonly text: string;
  readonly rules: FilterRules;
}

/** Programs made of these look at the arch and not at bit 30 of the number: bpf.c of minijail, backend/filter.rs of seccompiler. */
const WITHOUT_X32_CHECK = ["minijail", "seccompiler"];
const PASSING = ["allow", "log"];

/** What the policy's own compiler lets in beside x86-64's numbers. libseccomp, which OCI runtimes use, refuses what is not listed. */
export function declaredEntries({ format, text, rules }: ForeignPolicy): OpenEntry[] {
  if (WITHOUT_X32_CHECK.includes(format)) {
    if (!PASSING.includes(rules.otherwise.kind)) return [];
    return [
      { entry: "x32", evidence: `its default is ${rules.otherwise.kind}, and ${format} does not look at bit 30 of the number` },
    ];
  }
  if (format !== "oci") return [];
  return [...new Set(text.match(/"SCMP_ARCH_\w+"/g) ?? [])].flatMap((quoted): OpenEntry[] => {
    const arch = quoted.slice(1, -1);
    if (arch === "SCMP_ARCH_X32") return [{ entry: "x32", evidence: `${arch} is among its architectures` }];
    return OF_X86_64.has(arch) ? [{ entry: "foreign-arch", evidence: `${arch} is among its architectures` }] : [];
  });
}

/** Arches beside the native one whose calls an x86-64 kernel takes. A profile may list those of other machines: they open nothing. */
const OF_X86_64: ReadonlySet<string> = new Set(["SCMP_ARCH_X86"]);

/** Losses of an import that are entries above: they are judged, and so are not unknown. */
export function isJudgedLoss(loss: string): boolean {
  return /^calls of (SCMP_ARCH_|the other arches)/.test(loss);
}

/** Rules with the lines that JSON's readers do not keep: the k-th rule of a syscall stands where its name stands for the k-th time. */
export function placeJsonRules({ text, rules }: ForeignPolicy): SyscallRule[] {
  const lines = new Map<string, number[]>();
  text.split("\n").forEach((content, index) => {
    for (const [, name = ""] of content.matchAll(/"([a-z0-9_]+)"/g)) lines.set(name, [...(lines.get(name) ?? []), index + 1]);
  });
  const met = new Map<string, number>();
  return rules.rules.map((rule) => {
    const places = lines.get(rule.syscall) ?? [1];
    const count = met.get(rule.syscall) ?? 0;
    met.set(rule.syscall, count + 1);
    return { ...rule, position: { ...rule.position, line: places[Math.min(count, places.length - 1)] ?? 1 } };
  });
}
