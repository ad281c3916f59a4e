import { type Command, Option } from "commander";
import {
  builtInTemplate,
  type ComplianceReport,
  describeHost,
  LAB_MARK,
  mutationFigure,
  REMOVABLE_LAYERS,
  REPORT_FORMATS,
  type ReportedControl,
  rolesOf,
  runControls,
  vmNames,
} from "../../compliance/index.js";
import { EXIT, type ExitCode, MachineError, SpecError } from "../../errors/index.js";
import { probeHost } from "../../host/index.js";
import { judgeLayers } from "../../plan/index.js";
import { type Layer, readVmFile } from "../../spec/index.js";
import { escapeLine } from "../../text/index.js";
import { POLICY_FOLDER, readPlanningContext, SELINUX_FOLDER, VERSION } from "../installation.js";
import { conform } from "../protocol/conform.js";
import { ENDING_SIGNALS } from "../signals.js";
import { complyInLab } from "./lab_profile.js";
import { CONTROLS_OPTION, readControls, unknownName } from "./read_controls.js";
import { type ReportOptions, writeReport } from "./write_report.js";

/** As `bulkhead --version` says. */
const TOOL = { name: "bulkhead", version: VERSION } as const;

export interface ComplyOptions extends ReportOptions {
  readonly role?: string;
  readonly control?: readonly string[];
  readonly controls?: readonly string[];
  readonly profile: ComplianceReport["profile"];
  readonly vm?: string;
  readonly policies?: string;
  readonly hostFile?: string;
  readonly without: readonly Layer[];
  readonly sandbox?: string;
  readonly conformance?: boolean;
  readonly as: "device" | "vmm" | "qtest-vmm";
}

export function addComplianceRun(comply: Command): void {
  comply
    .argument("[command...]", "with --conformance: program to test; its end of the channel is fd 3")
    .option("--conformance", "play the protocol's conformance suite to a program instead, as `bulkhead protocol conform` does")
    .addOption(
      new Option("--as <subject>", "with --conformance: what the program is")
        .choices(["device", "vmm", "qtest-vmm"])
        .default("device"),
    )
    .option("--role <role>", "attack from processes of this role only")
    .option("--control <id...>", "these controls only")
    .option(...CONTROLS_OPTION)
    .addOption(
      new Option("--profile <profile>", "host: here; lab: in a VM that has every layer, and nothing may be unmet")
        .choices(["host", "lab"])
        .default("host"),
    )
    .option("--vm <file>", "attack in the machine of this VM file, with empty images and no tap of its own")
    .option("--policies <folder>", "role policies to use instead of those that come with Bulkhead")
    .option("--host-file <file>", "host file to use instead of /etc/bulkhead/host.yaml")
    .addOption(
      new Option("--without <layer...>", "start processes without these layers, to see controls fail")
        .choices(REMOVABLE_LAYERS)
        .default([], "none"),
    )
    .option("--sandbox <command>", 'attack, as nobody, in a process that this command starts instead; "": in no sandbox')
    .addOption(
      new Option("--format <format>", "print a report, and each control as it is known to standard error").choices(
        REPORT_FORMATS,
      ),
    )
    .option("--output <file>", "write the report there instead")
    .option("--sign <file>", "sign the report that --output writes with this private key, PEM")
    .addHelpText(
      "after",
      "\nEach control is tried by a hostile process that stands in QEMU's place, in each role, under the whole confinement of a launch.\n" +
        "Exit codes: 0 every control passed or, in the profile host, is unmet; 1 one failed or is broken; 2 bad input; 3 this host cannot.\n" +
        "\nExamples:\n  bulkhead comply\n  bulkhead comply --role disk --control PRO-01\n  bulkhead comply --control PRO-01 --without seccomp" +
        "\n  bulkhead comply --sandbox 'bwrap --bind / /'\n  bulkhead comply --format json --output report.json --sign key.pem\n  bulkhead comply --conformance -- ./my-device\n  bulkhead comply list\n  bulkhead comply explain PRO-01",
    )
    .action(async (command: readonly string[], options: ComplyOptions) => {
      process.exitCode = await chooseSuite(command, options);
    });
}

async function chooseSuite([program, ...args]: readonly string[], options: ComplyOptions): Promise<ExitCode> {
  if (options.conformance !== true && program === undefined) return runSuite(options);
  if (options.conformance === true && program !== undefined) return conform([program, ...args], { as: options.as });
  const answer = program === undefined ? "no program is named" : `--conformance is missing before ${program}`;
  throw new SpecError({
    code: "conformance-malformed",
    tried: "Cannot choose between the compliance suite and the conformance suite",
    subject: program ?? "--conformance",
    answer,
    remedy: "Run: bulkhead comply --conformance -- PROGRAM ARGUMENT...",
  });
}

async function runSuite(options: ComplyOptions): Promise<ExitCode> {
  const stop = new AbortController();
  for (const signal of ENDING_SIGNALS) process.once(signal, () => stop.abort(interrupted(signal)));
  const isElsewhere = options.profile === "lab" && process.env[LAB_MARK] === undefined;
  return isElsewhere ? complyInLab(options, stop.signal) : complyHere(options, stop.signal);
}

async function complyHere(options: ComplyOptions, signal: AbortSignal): Promise<ExitCode> {
  const controls = await readControls(options);
  const context = await readPlanningContext(options);
  const template = options.vm === undefined ? builtInTemplate() : await readVmFile(options.vm);
  const hostile = { ...context, template, policyFolder: options.policies ?? context.policyFolder };
  const known = rolesOf(template);
  if (options.role !== undefined && !known.includes(options.role)) throw unknownName("role", options.role, known);
  const sandbox = options.sandbox?.split(" ").filter((word) => word !== "");
  const roles = options.role === undefined ? known.slice(0, sandbox === undefined ? known.length : 1) : [options.role];
  const facts = probeHost({ skipKvm: true });
  const statuses = judgeLayers(facts);
  const lines = options.format === undefined ? process.stdout : process.stderr;
  const result = await runControls({
    ...{ hostile, controls, roles, statuses, signal, nameVm: vmNames() },
    ...(sandbox === undefined ? {} : { sandbox }),
    without: options.without,
    reviewedFolder: options.control === undefined ? POLICY_FOLDER : null,
    measuresDepth: options.control === undefined && options.without.length === 0,
    onControl: (control) => void lines.write(`${escapeLine(wordControl(control))}\n`),
    onProgress: (step) => void process.stderr.write(`bulkhead: ${step}\n`),
  });
  const host = await describeHost(hostile, { facts, statuses, roles });
  const about = { schemaVersion: 1, tool: TOOL, profile: options.profile, time: new Date().toISOString(), host } as const;
  const report: ComplianceReport = { ...about, ...result, mutation: mutationFigure(hostile.policyFolder, SELINUX_FOLDER) };
  await writeReport(report, controls, options);
  const bad: readonly ReportedControl["verdict"][] = [
    "failed",
    "broken",
    ...(options.profile === "lab" ? ["unmet" as const] : []),
  ];
  return report.controls.some(({ verdict }) => bad.includes(verdict)) ? EXIT.findings : EXIT.clean;
}

/** `passed PRO-01 disk by seccomp: attach to a process: ptrace: EPERM`. */
function wordControl(control: ReportedControl): string {
  const { id, role, verdict, layer, title, evidence } = control;
  return `${verdict.padEnd(6)} ${id} ${role}${layer === null ? "" : ` by ${layer}`}: ${title}: ${evidence[0] ?? ""}`;
}

/** One without the other: a program, or what says that there is one. */
function interrupted(signal: string): MachineError {
  return new MachineError({
    code: "comply-aborted",
    tried: "Cannot finish the compliance suite",
    subject: "comply",
    answer: signal,
  });
}
