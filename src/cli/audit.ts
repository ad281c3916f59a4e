import type { Command } from "commander";

/** Adds `audit`. What it takes to judge is loaded only when it is asked for, as the commands of `seccomp` are. */
export async function addAudit(program: Command, argv: readonly string[]): Promise<void> {
  const audit = program
    .command("audit")
    .description("Tell what a VM file, a policy, a seccomp filter or a process could do, and what of it should not be.");
  const [asked] = argv[0] === "help" ? argv.slice(1) : argv;
  if (asked !== "audit" && asked !== "completion") return;
  const { addAuditCommands } = await import("./audit/audit_commands.js");
  addAuditCommands(audit);
}
