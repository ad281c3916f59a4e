import type { Command } from "commander";
import { addCheck } from "./check.js";
import { addDecide } from "./decide.js";
import { addInstall } from "./install.js";
import { addLabel } from "./label.js";
import { addMatrix } from "./matrix.js";
import { addRestore } from "./restore.js";

/** Adds the commands below `bulkhead selinux`. */
export function addSelinuxCommands(selinux: Command): void {
  selinux.addHelpText(
    "after",
    "\nPolicies are compiled ones, such as /etc/selinux/default/policy/policy.33; asking one needs no SELinux in this host's kernel.\n" +
      "Exit codes: 0 allowed or in order, 1 refused or an assertion failed, 2 bad input, 3 this host cannot.\n" +
      "\nExamples:\n  bulkhead selinux install\n  bulkhead selinux check" +
      "\n  bulkhead selinux decide u:r:bulkhead_disk_t:s0:c1,c2,c700 u:object_r:bulkhead_image_t:s0:c1,c2,c701 file read" +
      "\n  bulkhead selinux matrix web1.yaml",
  );
  for (const add of [addDecide, addCheck, addMatrix, addLabel, addRestore, addInstall]) add(selinux);
}
