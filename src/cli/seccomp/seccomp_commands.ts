import type { Command } from "commander";
import { addAsm } from "./asm.js";
import { addCompare } from "./compare.js";
import { addCompile } from "./compile.js";
import { addConvert } from "./convert.js";
import { addDisasm } from "./disasm.js";
import { addDump } from "./dump.js";
import { addEmulate } from "./emulate.js";
import { addProve } from "./prove.js";

/** Adds the commands below `bulkhead seccomp`. */
export function addSeccompCommands(seccomp: Command): void {
  seccomp.addHelpText(
    "after",
    "\nPolicies are ours, minijail's, OCI's or seccompiler's; programs are raw arrays of struct sock_filter; - is standard input.\n" +
      "Exit codes: 0 done, 1 a proof failed or filters differ, 2 bad input, 3 this host cannot.\n" +
      "\nExamples:\n  bulkhead seccomp compile policies/roles/disk.yaml --output disk.bpf" +
      "\n  bulkhead seccomp prove policies/roles/disk.yaml disk.bpf\n  bulkhead seccomp disasm disk.bpf | less" +
      "\n  bulkhead seccomp emulate disk.bpf openat -100 0 0\n  bulkhead seccomp compare old.bpf disk.bpf\n  bulkhead seccomp dump --pid 4711" +
      "\n  bulkhead seccomp convert --from minijail --to oci vm.policy",
  );
  for (const add of [addCompile, addProve, addDisasm, addAsm, addEmulate, addCompare, addDump, addConvert]) add(seccomp);
}
