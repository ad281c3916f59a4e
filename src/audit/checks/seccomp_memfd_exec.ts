import type { Check } from "../check.js";
import { isForAnyProgram, locateCall, passingOf } from "../facts/filter_facts.js";

export const seccompMemfdExec: Check<"filter"> = {
  id: "seccomp-memfd-exec",
  on: "filter",
  title: "A program can be written into memory and started",
  severity: "medium",
  rationale:
    "A memfd that is filled and executed is a program of the attacker's that no file system ever held, and that neither a read-only root nor a noexec mount stops.",
  remedy:
    "Refuse memfd_create, or execve and execveat; where a memfd is needed, seal it against execution: sysctl vm.memfd_noexec=2.",
  source: "memfd_create(2), fexecve(3)",
  needs: ["filter"],
  judge: (facts) => {
    if (isForAnyProgram(facts)) return [];
    const [memfd] = passingOf(facts, ["memfd_create", "memfd_secret"]);
    const starts = passingOf(facts, ["execve", "execveat"]);
    if (memfd === undefined || starts.length === 0) return [];
    return [{ subject: facts.subject, evidence: `${memfd} passes, with ${starts.join(" and ")}`, ...locateCall(facts, memfd) }];
  },
};
