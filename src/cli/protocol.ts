import type { Command } from "commander";

/** Adds `protocol`. Its commands are loaded only when one of them is asked for: a launch does not wait for them. */
export async function addProtocol(program: Command, argv: readonly string[]): Promise<void> {
  const protocol = program
    .command("protocol")
    .description("Test device processes and VMMs against the proxy/remote protocol; print and replay what they said.");
  const [asked] = argv[0] === "help" ? argv.slice(1) : argv;
  if (asked !== "protocol" && asked !== "completion") return;
  const { addProtocolCommands } = await import("./protocol/protocol_commands.js");
  addProtocolCommands(protocol);
}
