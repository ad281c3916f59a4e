import type { Command } from "commander";
import { addConform } from "./conform.js";
import { addPrint } from "./print.js";
import { addReplay } from "./replay.js";

/** Adds the commands below `bulkhead protocol`. */
export function addProtocolCommands(protocol: Command): void {
  protocol.addHelpText(
    "after",
    "\nThe protocol is specified in docs/protocol.md. A program that is named after -- finds its end of the channel at fd 3.\n" +
      "Exit codes: 0 done, 1 something is not as it must be or as it was, 2 bad input.\n" +
      "\nExamples:\n  bulkhead protocol conform -- qemu-system-x86_64 -nodefaults -display none -machine x-remote" +
      " -device e1000,id=d -object x-remote-object,id=r,devid=d,fd=3" +
      "\n  bulkhead protocol print recorded.jsonl\n  bulkhead protocol replay recorded.jsonl -- ./my-device",
  );
  for (const add of [addConform, addPrint, addReplay]) add(protocol);
}
