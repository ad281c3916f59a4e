import type { Command } from "commander";

/**
 * Adds `seccomp`. Its commands are loaded only when one of them is asked for: compilers, proofs and tables take longer to load than a
 * launch, which finds its filters in the cache, may wait.
 */
export async function addSeccomp(program: Command, argv: readonly string[]): Promise<void> {
  const seccomp = program.command("seccomp").description("Compile, prove, read and compare seccomp filters.");
  const [asked] = argv[0] === "help" ? argv.slice(1) : argv;
  if (asked !== "seccomp" && asked !== "completion") return;
  const { addSeccompCommands } = await import("./seccomp/seccomp_commands.js");
  addSeccompCommands(seccomp);
}
