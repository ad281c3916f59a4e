import { type Command, Option } from "commander";
import { EXIT } from "../errors/index.js";
import { adopt, askSupervisor, type Ending, type FeedItem } from "../machine/index.js";
import { findRun, openDirectories } from "../state/index.js";
import { escapeControls, printableJson } from "../text/index.js";
import { leaveCaller, REPORT_OPTION, reportSupervising, runInBackground } from "./background.js";
import { confineOrLeave } from "./confine_supervisor.js";
import { readPlanningContext } from "./installation.js";
import { requireSupervised, requireVm } from "./known_vm.js";
import { leaveRings } from "./leave_rings.js";
import { ENDING_SIGNALS, forwardSignals } from "./signals.js";

/** When it cannot be confined. */
const REMEDY = "`bulkhead attach --keep-privileges` supervises it as it is";

interface AttachOptions {
  readonly hostFile?: string;
  readonly follow: boolean;
  readonly keepPrivileges?: boolean;
  readonly reportFd?: string;
}

export function addAttach(program: Command): void {
  program
    .command("attach")
    .description("Follow a VM's serial console, logs and events; an orphaned VM gets a supervisor in the background first.")
    .argument("<vm>", "name of the VM")
    .option("--host-file <file>", "host file for an orphaned VM, instead of /etc/bulkhead/host.yaml")
    .option("--no-follow", "end once the VM is supervised")
    .option("--keep-privileges", "do not confine an orphaned VM's supervisor")
    .addOption(new Option(`${REPORT_OPTION} <fd>`).hideHelp())
    .addHelpText(
      "after",
      "\nThe console goes to stdout, logs and events to stderr. Nothing is sent to the guest, and Ctrl-C only ends the following:\n" +
        "the VM runs on, in the hands of its supervisor. When the VM ends, this ends with the exit code that `run` would have.\n" +
        "\nExamples:\n  bulkhead attach web1\n  bulkhead attach --no-follow web1",
    )
    .action(async (vm: string, options: AttachOptions) => {
      if (options.reportFd !== undefined) return superviseOrphan(vm, options.reportFd, options);
      const directories = openDirectories();
      if (requireVm(directories, vm).state === "orphaned") {
        const more = [
          ...(options.hostFile === undefined ? [] : ["--host-file", options.hostFile]),
          ...(options.keepPrivileges === true ? ["--keep-privileges"] : []),
        ];
        const exitCode = await runInBackground(["attach", ...more, vm]);
        // Another one may have been faster; then there is a supervisor all the same.
        if (exitCode !== EXIT.clean && findRun(directories, vm)?.state === "orphaned") {
          process.exitCode = exitCode;
          return;
        }
        process.stderr.write(`bulkhead: VM "${vm}" has a supervisor again\n`);
      }
      if (options.follow) await follow(vm);
      else requireSupervised(directories, vm);
    });
}

async function superviseOrphan(vm: string, reportFd: string, options: AttachOptions): Promise<void> {
  if (options.keepPrivileges !== true) leaveRings(reportFd);
  const machine = await adopt({ ...(await readPlanningContext(options)), vm, onLogLine: () => {} });
  const release = forwardSignals(machine);
  for (const { process: id, layer, planned, observed } of machine.verified.differences) {
    const line = `${id}, ${layer}: planned ${planned}, observed ${observed}`;
    process.stderr.write(`bulkhead: VM "${vm}" differs from its plan: ${escapeControls(line)}\n`);
  }
  leaveCaller();
  if (options.keepPrivileges !== true) confineOrLeave(machine, REMEDY);
  reportSupervising(reportFd);
  const ending = await machine.ended;
  release();
  process.exitCode = ending.exitCode;
}

async function follow(vm: string): Promise<void> {
  const interruption = new AbortController();
  for (const signal of ENDING_SIGNALS) process.on(signal, () => interruption.abort());
  const run = requireSupervised(openDirectories(), vm);
  const onFollowing = (): void => void process.stderr.write(`bulkhead: following VM "${vm}"\n`);
  const options = { deadlineMs: null, onFollowing, onItem: show, signal: interruption.signal };
  const ending = (await askSupervisor(run, { request: "follow" }, options)) as Ending | null;
  if (ending === null) {
    process.stderr.write(`bulkhead: VM "${vm}" runs on\n`);
    return;
  }
  process.stderr.write(`bulkhead: VM "${vm}" ended: ${escapeControls(ending.detail)}\n`);
  process.exitCode = ending.exitCode;
}

function show(item: FeedItem): void {
  switch (item.kind) {
    case "console":
      process.stdout.write(process.stdout.isTTY === true ? escapeControls(item.bytes.toString("latin1")) : item.bytes);
      return;
    case "log":
      process.stderr.write(`${item.process}: ${escapeControls(item.line)}\n`);
      return;
    case "event":
      process.stderr.write(`bulkhead: ${printableJson(item.event)}\n`);
      return;
  }
}
