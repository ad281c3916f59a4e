import { type Command, Option } from "commander";
import { type ExitCode, SpecError } from "../errors/index.js";
import { confineLauncher, type LaunchRequest, launch, type RunningMachine } from "../machine/index.js";
import type { VmSpec } from "../spec/index.js";
import { escapeControls } from "../text/index.js";
import { leaveCaller, REPORT_OPTION, reportSupervising, runInBackground } from "./background.js";
import { readPlanRequest } from "./installation.js";
import { leaveRings } from "./leave_rings.js";
import { RunOutput } from "./run_output.js";
import { ENDING_SIGNALS, forwardSignals } from "./signals.js";

interface RunOptions {
  readonly hostFile?: string;
  readonly verbose?: boolean;
  readonly detach?: boolean;
  readonly keepPrivileges?: boolean;
  readonly reportFd?: string;
}

export function addRun(program: Command): void {
  program
    .command("run")
    .description("Launch a VM, every process confined and verified, and supervise it in the foreground.")
    .argument("<file>", "VM file, or - for standard input")
    .option("--host-file <file>", "host file to use instead of /etc/bulkhead/host.yaml")
    .option("-d, --detach", "supervise it in the background, and end with 0 once the guest runs")
    .option("--keep-privileges", "do not confine the launcher once the guest runs")
    .option("-v, --verbose", "print each step of the launch and what the processes log")
    .addOption(new Option(`${REPORT_OPTION} <fd>`).hideHelp())
    .addHelpText(
      "after",
      "\nSIGINT, SIGTERM and SIGHUP shut the guest down; a second one ends it at once.\n" +
        "With --detach the VM has no terminal: its serial console cannot be `stdio`. `bulkhead attach` follows it.\n" +
        "Exit codes: 0 the guest shut down, 2 bad input, 3 this host cannot, 4 a process of the VM died or hung, or a watchdog expired,\n" +
        "5 an intrusion signal.\n" +
        "\nExamples:\n  bulkhead run web1.yaml\n  bulkhead run --detach web1.yaml\n  bulkhead run --verbose web1.yaml 2>launch.log",
    )
    .action(async (file: string, options: RunOptions) => {
      if (options.detach === true && options.reportFd === undefined) {
        process.exitCode = await detach(file, options);
        return;
      }
      await superviseLaunch(file, options);
    });
}

function detach(file: string, { hostFile, verbose, keepPrivileges }: RunOptions): Promise<ExitCode> {
  const more = [
    ...(hostFile === undefined ? [] : ["--host-file", hostFile]),
    ...(verbose === true ? ["--verbose"] : []),
    ...(keepPrivileges === true ? ["--keep-privileges"] : []),
  ];
  return runInBackground(["run", "--detach", ...more, file], file === "-" ? process.stdin : null);
}

async function superviseLaunch(file: string, options: RunOptions): Promise<void> {
  if (options.keepPrivileges !== true) leaveRings(options.reportFd ?? null);
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort();
  for (const signal of ENDING_SIGNALS) process.on(signal, interrupt);
  const output = new RunOutput();
  const machine = await launch({ ...(await buildRequest(file, options, output)), signal: interruption.signal });
  for (const signal of ENDING_SIGNALS) process.off(signal, interrupt);
  const release = forwardSignals(machine);
  if (options.reportFd !== undefined) leaveCaller();
  if (options.keepPrivileges !== true) await confineOrEnd(machine);
  if (options.reportFd !== undefined) reportSupervising(options.reportFd);
  const ending = await machine.ended;
  release();
  output.tellDropped();
  output.say(`bulkhead: VM "${machine.plan.vm}" ended: ${escapeControls(ending.detail)}`);
  process.exitCode = ending.exitCode;
}

/** A launcher that cannot give its privileges up does not supervise with them. */
async function confineOrEnd(machine: RunningMachine): Promise<void> {
  try {
    confineLauncher(machine);
  } catch (error) {
    machine.kill();
    await machine.ended;
    throw error;
  }
}

async function buildRequest(file: string, options: RunOptions, output: RunOutput): Promise<LaunchRequest> {
  const request = await readPlanRequest(file, options);
  const detached = options.reportFd !== undefined;
  if (detached) refuseTerminal(request.spec);
  const progress = (line: string): void => {
    if (options.verbose === true) output.say(line);
  };
  return {
    ...request,
    stdio: detached
      ? null
      : {
          kind: "stream",
          output: output.console,
          input: process.stdin,
          escape: process.stdout.isTTY === true,
          onDropped: (sizeBytes) => output.noteDropped(sizeBytes),
        },
    onLogLine: (id, line) => progress(`${id}: ${line}`),
    onWarning: (id, warning) => output.say(`bulkhead: warning: ${id}: ${warning}`),
    onStep: (step) => progress(`bulkhead: ${step}`),
  };
}

function refuseTerminal(spec: VmSpec): void {
  if (spec.console.serial.kind !== "stdio") return;
  throw new SpecError({
    code: "detach-needs-console",
    tried: `${spec.source.locate(["console", "serial"])}: cannot run VM "${spec.name}" in the background`,
    subject: spec.name,
    answer: "its serial console is `stdio`, and there will be no terminal",
    remedy: "Say `serial: {file: PATH}` or `serial: none`, or leave --detach out.",
  });
}
