import { wordCall } from "../../seccomp/index.js";
import type { Check } from "../check.js";

export const seccompDiffersFromPolicy: Check<"proof"> = {
  id: "seccomp-differs-from-policy",
  on: "proof",
  title: "A program does not answer as its policy says",
  severity: "critical",
  rationale:
    "Whoever reviewed the policy reviewed something else. Compilers make such programs: libseccomp up to 2.6.0 merges 64-bit comparisons on one syscall into filters that allow what the policy refuses.",
  remedy:
    "bulkhead seccomp compile POLICY --output FILE makes a program that is proved; bulkhead seccomp compare shows all that differs.",
  source: "GHSA-4q85-33p6-j5g6; docs/seccomp.md, proof",
  needs: ["filter"],
  judge: ({ subject, policy, proof, location }) => {
    if (proof.equal === true) return [];
    const own = { subject: `${subject} as ${policy}` };
    if (proof.equal === null) return [{ ...own, unknown: proof.undecided }];
    const { counterexample } = proof;
    const call = wordCall({ ...counterexample, number: counterexample.nr });
    const evidence = `${call} is answered ${counterexample.program}, and the policy says ${counterexample.policy}: it is ${counterexample.direction}`;
    const isWeaker = counterexample.direction === "weaker";
    return [{ ...own, evidence, location, ...(isWeaker ? {} : { severity: "medium" as const }) }];
  },
};
