import type { Check } from "../check.js";

export const vmUnsupervised: Check<"vm"> = {
  id: "vm-unsupervised",
  on: "vm",
  title: "Nobody supervises the VM",
  severity: "medium",
  rationale:
    "The launcher of an orphaned VM is dead. Its processes stay confined, for the kernel refuses what nobody answers, but a refused call, a hang or a death is reported to nobody.",
  remedy: "Take it over with bulkhead attach VM, or end it with bulkhead stop VM.",
  source: "the run record and the processes that live: bulkhead ps",
  needs: ["vm"],
  judge: ({ subject, state }) =>
    state === "orphaned" || state === "damaged" ? [{ subject, evidence: `its state is ${state}` }] : [],
};
