import type { Check } from "../check.js";
import { locateCall, passingOf } from "../facts/filter_facts.js";

const CALLS = ["ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd"];

export const seccompOtherProcesses: Check<"filter"> = {
  id: "seccomp-other-processes",
  on: "filter",
  title: "Other processes can be read, written or robbed of descriptors",
  severity: "high",
  rationale:
    "ptrace, process_vm_readv, process_vm_writev and pidfd_getfd reach into every process of the same uid; before Linux 4.8 a tracer could also get its tracee's calls past the tracee's filter.",
  remedy: "Refuse the call. Debuggers and checkpoint tools need it, services do not.",
  source: "ptrace(2); process_vm_readv(2); pidfd_getfd(2); seccomp(2), on tracers before 4.8",
  needs: ["filter"],
  judge: (facts) =>
    passingOf(facts, CALLS).map((syscall) => ({
      subject: `${facts.subject}: ${syscall}`,
      evidence: `${syscall} passes`,
      ...locateCall(facts, syscall),
    })),
};
