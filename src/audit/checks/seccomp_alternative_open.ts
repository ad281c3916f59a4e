import { wordCall } from "../../seccomp/index.js";
import type { Check } from "../check.js";
import { type FilterFacts, hasPermissiveDefault, locateCall } from "../facts/filter_facts.js";

/** Calls that do the same; `argument` is the one that a check of it looks at. */
const GROUPS: readonly (readonly (readonly [syscall: string, argument: number])[])[] = [
  [
    ["open", 1],
    ["openat", 2],
    ["openat2", 2],
    ["creat", 1],
  ],
  [
    ["execve", 0],
    ["execveat", 4],
  ],
  [
    ["mprotect", 2],
    ["pkey_mprotect", 2],
  ],
  [
    ["kill", 1],
    ["tkill", 1],
    ["tgkill", 2],
    ["rt_sigqueueinfo", 1],
    ["rt_tgsigqueueinfo", 2],
  ],
  [
    ["dup2", 1],
    ["dup3", 1],
  ],
  [
    ["mount", 3],
    ["move_mount", 4],
  ],
  [
    ["setrlimit", 0],
    ["prlimit64", 1],
  ],
  [
    ["unlink", 0],
    ["unlinkat", 2],
  ],
  [
    ["rename", 0],
    ["renameat", 2],
    ["renameat2", 4],
  ],
];

export const seccompAlternativeOpen: Check<"filter"> = {
  id: "seccomp-alternative-open",
  on: "filter",
  title: "A refused call has a sister that passes",
  severity: "high",
  rationale:
    "Linux has most calls several times. What refuses openat and forgets openat2, or checks the flags of mprotect and not those of pkey_mprotect, refuses nothing.",
  remedy: "Treat the sister as the call itself.",
  source: "arch/x86/entry/syscalls/syscall_64.tbl; seccomp-tools audit, syscall-alt-gap",
  needs: ["filter"],
  judge: (facts) =>
    GROUPS.flatMap((group) => {
      const refused = group.flatMap(([syscall, argument]) => refusal(facts, syscall, argument) ?? []);
      const [first] = refused;
      if (first === undefined) return [];
      return group
        .filter(([syscall]) => facts.analysis.findRefused({ syscall }) === null)
        .map(([syscall]) => ({
          subject: `${facts.subject}: ${syscall}`,
          evidence: `${first} is refused, and ${syscall} passes with any arguments`,
          ...locateCall(facts, syscall),
        }));
    }),
};

/** A call that is refused on purpose: by its arguments, or by name where the rest passes. A list of what is allowed leaves much out. */
function refusal(facts: FilterFacts, syscall: string, argument: number): string | null {
  const { analysis } = facts;
  if (!hasPermissiveDefault(facts) && !analysis.isJudgedBy(syscall, argument)) return null;
  const call = analysis.findRefused({ syscall });
  return call === null ? null : wordCall(call);
}
