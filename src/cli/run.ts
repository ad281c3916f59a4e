import type { Command } from "commander";
import { confineLauncher, type LaunchRequest, launch, type RunningMachine } from "../machine/index.js";
import { escapeControls } from "../text/index.js";
import { readPlanRequest } from "./installation.js";

/** SIGHUP: the terminal is gone, and with it who watched the VM. */
const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export function addRun(program: Command): void {
  program
    .command("run")
    .description("Launch a VM, every process confined and verified, and supervise it in the foreground.")
    .argument("<file>", "VM file, or - for standard input")
    .option("--host-file <file>", "host file to use instead of /etc/bulkhead/host.yaml")
    .option("--keep-privileges", "do not confine the launcher once the guest runs")
    .option("-v, --verbose", "print each step of the launch and what the processes log")
    .addHelpText(
      "after",
      "\nSIGINT, SIGTERM and SIGHUP shut the guest down; a second one ends it at once.\n" +
        "Exit codes: 0 the guest shut down, 2 bad input, 3 this host cannot, 4 a device died or a watchdog expired, 5 an intrusion signal.\n" +
        "\nExamples:\n  bulkhead run web1.yaml\n  bulkhead run --verbose web1.yaml 2>launch.log",
    )
    .action(async (file: string, options: RunOptions) => {
      const interruption = new AbortController();
      const interrupt = (): void => interruption.abort();
      for (const signal of ENDING_SIGNALS) process.on(signal, interrupt);
      const machine = await launch({ ...(await buildRequest(file, options)), signal: interruption.signal });
      for (const signal of ENDING_SIGNALS) process.off(signal, interrupt);
      const release = forwardSignals(machine);
      if (options.keepPrivileges !== true) await confineOrEnd(machine);
      const ending = await machine.ended;
      release();
      process.stderr.write(`bulkhead: VM "${machine.plan.vm}" ended: ${escapeControls(ending.detail)}\n`);
      process.exitCode = ending.exitCode;
    });
}

interface RunOptions {
  readonly hostFile?: string;
  readonly verbose?: boolean;
  readonly keepPrivileges?: boolean;
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

async function buildRequest(file: string, options: RunOptions): Promise<LaunchRequest> {
  const request = await readPlanRequest(file, options);
  const progress = (line: string): void => {
    if (options.verbose === true) process.stderr.write(`${line}\n`);
  };
  return {
    ...request,
    stdio: { kind: "stream", output: process.stdout, input: process.stdin, escape: process.stdout.isTTY === true },
    onLogLine: (id, line) => progress(`${id}: ${line}`),
    onWarning: (id, warning) => process.stderr.write(`bulkhead: warning: ${id}: ${warning}\n`),
    onStep: (step) => progress(`bulkhead: ${step}`),
  };
}

function forwardSignals(machine: RunningMachine): () => void {
  const stop = (): void => void machine.stop();
  for (const signal of ENDING_SIGNALS) process.on(signal, stop);
  return () => {
    for (const signal of ENDING_SIGNALS) process.off(signal, stop);
  };
}
