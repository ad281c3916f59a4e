import type { Check } from "../check.js";
import { locateCall } from "../facts/filter_facts.js";
import { NEWER_CALLS } from "../facts/newer_calls.js";

const ENDS = ["kill-process", "kill-thread", "trap"];

export const seccompNewerCallKills: Check<"filter"> = {
  id: "seccomp-newer-call-kills",
  on: "filter",
  title: "A call newer than the policy ends the process",
  severity: "low",
  rationale:
    "The policy allows a call whose place a newer one has taken in current libraries, and kills for the newer: the next update of the library ends the program, and policies that end programs are switched off.",
  remedy: "Name the newer call: allow it as the older one, or answer ENOSYS (38).",
  source: "glibc NEWS: 2.33 faccessat2, 2.34 clone3, 2.35 rseq, 2.39 fchmodat2",
  needs: ["filter"],
  judge: (facts) =>
    NEWER_CALLS.flatMap(({ newer, older, library }) => {
      if (facts.analysis.findPassing({ syscall: older }) === null) return [];
      const answers = facts.analysis.answersTo({ syscall: newer });
      if (!answers.every(({ action }) => ENDS.includes(action))) return [];
      const evidence = `${newer} is answered ${answers[0]?.answer} where ${older} passes; ${library} calls it`;
      return [{ subject: `${facts.subject}: ${newer}`, evidence, ...locateCall(facts, newer) }];
    }),
};
