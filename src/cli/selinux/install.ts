import { spawnSync } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import type { Command } from "commander";
import { HostError } from "../../errors/index.js";
import { readLabel, relabel } from "../../selinux/index.js";
import { labelForGood } from "../../selinux/labels/index.js";
import { ENTRY_PROGRAMS, SELINUX_FOLDER } from "../installation.js";

const MODULE = `${SELINUX_FOLDER}/bulkhead.cil`;

export function addInstall(selinux: Command): void {
  selinux
    .command("install")
    .description("Install the policy module, or bring it up to date: semodule builds and loads this host's policy with it.")
    .addHelpText(
      "after",
      "\nTakes some ten seconds. The command itself is labelled, so that who executes it becomes a launcher of its own domain." +
        "\n`semodule -r bulkhead` removes the module.\n\nExamples:\n  bulkhead selinux install",
    )
    .action(() => {
      const { status, error, stderr } = spawnSync("semodule", ["-i", MODULE], {
        stdio: ["ignore", "inherit", "pipe"],
        encoding: "utf8",
      });
      if (status === 0) {
        process.stderr.write("bulkhead: the policy has the module now\n");
        for (const [path, type] of ENTRY_PROGRAMS) labelProgram(path, type);
        return;
      }
      throw new HostError({
        code: "module-refused",
        tried: "Cannot install the policy module",
        subject: MODULE,
        answer: error?.message ?? stderr.trim(),
        remedy:
          "semodule comes with policycoreutils, and needs root and a policy of the distribution. A launcher's own domain loads none: " +
          `once the command is labelled, run semodule -i ${MODULE}`,
        cause: error,
      });
    });
}

/** On a file system without labels a launcher stays in its administrator's domain, as it does from a host without SELinux. */
function labelProgram(path: string, type: string): void {
  const before = readLabel(path);
  if (before === null) {
    process.stderr.write(
      `bulkhead: warning: ${path} is on a file system without labels; launchers stay in the domain of who starts them\n`,
    );
    return;
  }
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    labelForGood(fd, relabel(before, type), path);
  } finally {
    closeSync(fd);
  }
}
