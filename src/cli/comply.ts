import type { Command } from "commander";
import type { Control, Verdict } from "../compliance/index.js";
import { EXIT, type ExitCode, SpecError } from "../errors/index.js";
import { probeHost } from "../host/index.js";
import { judgeLayers } from "../plan/index.js";
import { suggestFrom } from "../text/index.js";
import { CONTROL_FOLDER, readPlanningContext } from "./installation.js";

interface ComplyOptions {
  readonly role?: string;
  readonly control?: string;
  readonly controls?: readonly string[];
  readonly hostFile?: string;
}

export function addComply(program: Command): void {
  program
    .command("comply")
    .description("Attack this host's sandboxes from within: each control tries what a process must not be able to do.")
    .option("--role <role>", "this role only")
    .option("--control <id>", "this control only")
    .option("--controls <folder...>", "folders of controls beside those that come with Bulkhead")
    .option("--host-file <file>", "host file to use instead of /etc/bulkhead/host.yaml")
    .addHelpText(
      "after",
      "\nExit codes: 0 every control passed or is unmet, 1 one failed or is broken, 2 bad input, 3 this host cannot run VMs.\n" +
        "\nExamples:\n  bulkhead comply\n  bulkhead comply --role disk --control PRO-01",
    )
    .action(async (options: ComplyOptions) => {
      process.exitCode = await comply(options);
    });
}

async function comply(options: ComplyOptions): Promise<ExitCode> {
  const { KNOWN_ROLES, readControlFolders, runControls } = await import("../compliance/index.js");
  const all = await readControlFolders([CONTROL_FOLDER, ...(options.controls ?? [])]);
  const controls = select(all, options.control);
  if (options.role !== undefined && !KNOWN_ROLES.includes(options.role)) throw unknown("role", options.role, KNOWN_ROLES);
  const hostile = await readPlanningContext(options);
  let launched = 0;
  const verdicts = await runControls({
    hostile,
    controls,
    roles: options.role === undefined ? KNOWN_ROLES : [options.role],
    statuses: judgeLayers(probeHost({ skipKvm: true })),
    nameVm: () => {
      launched += 1;
      return `comply-${process.pid}-${launched}`;
    },
    onVerdict: (verdict) => void process.stdout.write(`${wordVerdict(verdict)}\n`),
  });
  return verdicts.some(({ verdict }) => verdict === "failed" || verdict === "broken") ? EXIT.findings : EXIT.clean;
}

function wordVerdict({ id, role, verdict, layer, evidence }: Verdict): string {
  return `${verdict} ${id} ${role}${layer === null ? "" : ` by ${layer}`}: ${evidence}`;
}

function select(all: readonly Control[], id: string | undefined): readonly Control[] {
  const found = id === undefined ? all : all.filter((control) => control.id === id);
  if (id === undefined || found.length > 0) return found;
  throw unknown(
    "control",
    id,
    all.map((control) => control.id),
  );
}

function unknown(what: string, name: string, known: readonly string[]): SpecError {
  return new SpecError({
    code: `${what}-unknown`,
    tried: `Cannot run the compliance suite: no ${what} "${name}"${suggestFrom(name, known)}`,
    subject: name,
  });
}
