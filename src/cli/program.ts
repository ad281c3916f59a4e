import { Command } from "commander";
import { addAttach } from "./attach.js";
import { addAudit } from "./audit.js";
import { addCompletion } from "./completion.js";
import { addComply } from "./comply.js";
import { addDevice } from "./device.js";
import { addDoctor } from "./doctor.js";
import { addGc } from "./gc.js";
import { addInspect } from "./inspect.js";
import { VERSION } from "./installation.js";
import { addPlan } from "./plan.js";
import { addProtocol } from "./protocol.js";
import { addPs } from "./ps.js";
import { addQmp } from "./qmp.js";
import { addRun } from "./run.js";
import { addSeccomp } from "./seccomp.js";
import { addSelinux } from "./selinux.js";
import { addStop } from "./stop.js";

/**
 * Every command with its options and its help: the one source of `--help`, the man pages and the shells' completion. `argv` is what
 * follows the program's name: commands below one that it does not ask for may be left out. `["completion"]` leaves none out.
 */
export async function makeProgram(argv: readonly string[]): Promise<Command> {
  const program = new Command("bulkhead")
    .description(
      "Runs multi-process QEMU virtual machines in which every process holds the least privilege its work needs, and proves it.",
    )
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError("Run with --help for usage and examples.")
    .addHelpText("after", "\nEach command has --help with examples, and a man page: man bulkhead-run.");
  const commands = [addRun, addPlan, addPs, addInspect, addAttach, addDevice, addQmp, addStop, addDoctor, addGc, addCompletion];
  for (const add of commands) add(program);
  await addProtocol(program, argv);
  await addComply(program, argv);
  await addSeccomp(program, argv);
  await addSelinux(program, argv);
  await addAudit(program, argv);
  return program;
}
