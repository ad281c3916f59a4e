import type { Check } from "../check.js";
import { locateCall } from "../facts/filter_facts.js";
import { NEWER_CALLS } from "../facts/newer_calls.js";

/** ENOSYS: include/uapi/asm-generic/errno.h. */
const ENOSYS = 38;

export const seccompEnosysNeeded: Check<"filter"> = {
  id: "seccomp-enosys-needed",
  on: "filter",
  title: "A newer call fails with an error that libraries do not fall back from",
  severity: "medium",
  rationale:
    "Libraries try the newer of two calls and take the older one only when the kernel says ENOSYS. Another error ends there: with EPERM for clone3 no thread starts any more after an update of glibc.",
  remedy: "Answer ENOSYS (38) for the newer call; for all calls that the filter does not know, as the default.",
  source: "glibc: sysdeps/unix/sysv/linux/clone-internal.c, faccessat.c, fchmodat.c",
  needs: ["filter"],
  judge: (facts) =>
    NEWER_CALLS.flatMap(({ newer, older, library, fallsBack }) => {
      if (!fallsBack || facts.analysis.findPassing({ syscall: older }) === null) return [];
      const wrong = facts.analysis
        .answersTo({ syscall: newer })
        .find(({ action, data }) => action === "errno" && data !== ENOSYS);
      if (wrong === undefined) return [];
      const evidence = `${newer} is answered ${wrong.answer} where ${older} passes; ${library} tries it first`;
      return [{ subject: `${facts.subject}: ${newer}`, evidence, ...locateCall(facts, newer) }];
    }),
};
