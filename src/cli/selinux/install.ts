import { spawnSync } from "node:child_process";
import type { Command } from "commander";
import { HostError } from "../../errors/index.js";
import { SELINUX_FOLDER } from "../installation.js";

const MODULE = `${SELINUX_FOLDER}/bulkhead.cil`;

export function addInstall(selinux: Command): void {
  selinux
    .command("install")
    .description("Install the policy module, or bring it up to date: semodule builds and loads this host's policy with it.")
    .addHelpText("after", "\nTakes some ten seconds. `semodule -r bulkhead` removes it.\n\nExamples:\n  bulkhead selinux install")
    .action(() => {
      const { status, error, stderr } = spawnSync("semodule", ["-i", MODULE], {
        stdio: ["ignore", "inherit", "pipe"],
        encoding: "utf8",
      });
      if (status === 0) {
        process.stderr.write("bulkhead: the policy has the module now\n");
        return;
      }
      throw new HostError({
        code: "module-refused",
        tried: "Cannot install the policy module",
        subject: MODULE,
        answer: error?.message ?? stderr.trim(),
        remedy: "semodule comes with policycoreutils, and needs root and a policy of the distribution.",
        cause: error,
      });
    });
}
