import type { Command } from "commander";

/** Adds `selinux`. Its commands are loaded only when one of them is asked for, as those of `seccomp` are. */
export async function addSelinux(program: Command, argv: readonly string[]): Promise<void> {
  const selinux = program.command("selinux").description("Ask SELinux policies, check them, and label images.");
  const [asked] = argv[0] === "help" ? argv.slice(1) : argv;
  if (asked !== "selinux" && asked !== "completion") return;
  const { addSelinuxCommands } = await import("./selinux/selinux_commands.js");
  addSelinuxCommands(selinux);
}
