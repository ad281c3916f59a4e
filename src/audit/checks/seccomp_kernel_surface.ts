import type { Check } from "../check.js";
import { locateCall, passingOf } from "../facts/filter_facts.js";
import type { Severity } from "../finding.js";

/** Calls that change the machine, or that most local exploits of kernels begin with; Docker's documentation lists most of them. */
const CALLS: Readonly<Record<string, readonly string[]>> = {
  "change the running kernel": ["init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "bpf"],
  "reach the hardware": ["iopl", "ioperm"],
  "rebuild the file system": [
    ...["mount", "umount2", "pivot_root", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsconfig", "fsmount", "fspick"],
    ...["mount_setattr", "open_by_handle_at"],
  ],
  "leave or make namespaces": ["setns", "unshare"],
  "reach code that exploits like": ["userfaultfd", "perf_event_open", "keyctl", "add_key", "request_key"],
  "change the machine": [
    ...["reboot", "swapon", "swapoff", "acct", "settimeofday", "clock_settime", "sethostname", "setdomainname", "quotactl"],
    ...["nfsservctl", "lookup_dcookie", "syslog", "vhangup"],
  ],
};
const WITHOUT_CAPABILITY: ReadonlySet<string> = new Set([
  ...["unshare", "userfaultfd", "perf_event_open", "keyctl", "add_key", "request_key", "bpf"],
]);

export const seccompKernelSurface: Check<"filter"> = {
  id: "seccomp-kernel-surface",
  on: "filter",
  title: "A call passes that services do not need and exploits do",
  severity: "medium",
  rationale:
    "These calls change the machine for everybody, or open parts of the kernel in which most local privilege escalations were found. Most ask for a capability as well; a user namespace gives that.",
  remedy: "Refuse the call.",
  source: "Docker Engine, Seccomp security profiles for Docker, significant syscalls blocked",
  needs: ["filter"],
  judge: (facts) =>
    Object.entries(CALLS).flatMap(([act, syscalls]) =>
      passingOf(facts, syscalls).map((syscall) => ({
        subject: `${facts.subject}: ${syscall}`,
        evidence: `${syscall} passes, which can ${act}`,
        severity: severityOf(syscall),
        ...locateCall(facts, syscall),
      })),
    ),
};

function severityOf(syscall: string): Severity {
  return WITHOUT_CAPABILITY.has(syscall) ? "high" : "medium";
}
