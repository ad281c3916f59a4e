#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { EXIT } from "../errors/index.js";
import { addAttach } from "./attach.js";
import { addDoctor } from "./doctor.js";
import { addGc } from "./gc.js";
import { addInspect } from "./inspect.js";
import { addPlan } from "./plan.js";
import { addPs } from "./ps.js";
import { addQmp } from "./qmp.js";
import { reportFailure } from "./report_failure.js";
import { addRun } from "./run.js";
import { addSeccomp } from "./seccomp/add_seccomp.js";
import { addStop } from "./stop.js";

const program = new Command("bulkhead")
  .description(
    "Runs multi-process QEMU virtual machines in which every process holds the least privilege its work needs, and proves it.",
  )
  .version("0.1.0")
  .exitOverride()
  .showHelpAfterError("Run with --help for usage and examples.");

const COMMANDS = [addRun, addPlan, addPs, addInspect, addAttach, addQmp, addStop, addDoctor, addGc, addSeccomp];
for (const add of COMMANDS) add(program);

// A reader that went away (EPIPE: `bulkhead doctor | head -3`), a terminal that hung up (EIO) or a full disk (ENOSPC) takes
// the rest of the output with it; it ends no VM, and there is nowhere left to report it.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

try {
  await program.parseAsync();
} catch (error) {
  // Commander ends with 0 for --help and --version, with 1 for bad usage, which here is bad input.
  process.exitCode = error instanceof CommanderError ? (error.exitCode === 0 ? EXIT.clean : EXIT.badInput) : reportFailure(error);
}
