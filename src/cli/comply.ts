import type { Command } from "commander";

/**
 * Adds `comply`. Its commands are loaded only when one of them is asked for: the suite uses nearly all there is, and a launch
 * may not wait for that.
 */
export async function addComply(program: Command, argv: readonly string[]): Promise<void> {
  const comply = program
    .command("comply")
    .description("Attack this host's sandboxes from within, and report what each layer refused.");
  const [asked] = argv[0] === "help" ? argv.slice(1) : argv;
  if (asked !== "comply" && asked !== "completion") return;
  const { addComplyCommands } = await import("./comply/comply_commands.js");
  addComplyCommands(comply);
}
