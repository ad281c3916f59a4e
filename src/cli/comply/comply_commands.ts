import type { Command } from "commander";
import { addExplain } from "./explain.js";
import { addList } from "./list.js";
import { addComplianceRun } from "./run.js";
import { addVerify } from "./verify.js";

/** Adds what `bulkhead comply` does by itself, and the commands below it. */
export function addComplyCommands(comply: Command): void {
  addComplianceRun(comply);
  for (const add of [addList, addExplain, addVerify]) add(comply);
}
