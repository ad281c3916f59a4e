#!/usr/bin/env node
import { CommanderError } from "commander";
import { EXIT } from "../errors/index.js";
import { makeProgram } from "./program.js";
import { endOnUncaught, reportFailure } from "./report_failure.js";

// A reader that went away (EPIPE: `bulkhead doctor | head -3`), a terminal that hung up (EIO) or a full disk (ENOSPC) takes
// the rest of the output with it; it ends no VM, and there is nowhere left to report it.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

endOnUncaught();

try {
  const program = await makeProgram(process.argv.slice(2));
  await program.parseAsync();
} catch (error) {
  // Commander ends with 0 for --help and --version, with 1 for bad usage, which here is bad input.
  process.exitCode = error instanceof CommanderError ? (error.exitCode === 0 ? EXIT.clean : EXIT.badInput) : reportFailure(error);
}
