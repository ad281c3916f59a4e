import type { Command } from "commander";
import { MachineError, StateError } from "../errors/index.js";
import { endOrphan, signalProcess } from "../machine/index.js";
import { type Directories, findRun, isAlive, type KnownRun, openDirectories } from "../state/index.js";

/** include/uapi/asm-generic/signal.h */
const SIGINT = 2;
const SIGTERM = 15;
const SIGKILL = 9;
/** What a launcher needs beyond the VM's own grace: QEMU's quit, teardown of guest memory, cleanup. In ms. */
const LAUNCHER_GRACE_MS = 15_000;
const POLL_MS = 20;

export function addStop(program: Command): void {
  program
    .command("stop")
    .description("End a VM in order: ask the guest, tell QEMU, then kill. Ends orphaned VMs too.")
    .argument("<vm>", "name of the VM")
    .option("--now", "kill at once instead of asking the guest")
    .addHelpText("after", "\nExamples:\n  bulkhead stop web1\n  bulkhead stop web1 --now")
    .action(async (vm: string, options: { now?: boolean }) => {
      const directories = openDirectories();
      const run = findRun(directories, vm);
      if (run === null || run.state === "dead") throw unknownVm(vm);
      if (run.state === "orphaned" || run.state === "damaged") await endOrphan(directories, run);
      else await stopThroughLauncher(directories, run, options.now === true);
      process.stderr.write(`bulkhead: VM "${vm}" is stopped\n`);
    });
}

export function unknownVm(vm: string): StateError {
  return new StateError({
    code: "vm-unknown",
    tried: `Cannot find VM "${vm}"`,
    subject: vm,
    answer: "no VM of this name runs on this host",
    remedy: "Run `bulkhead ps` for those that do.",
  });
}

/** The launcher does the work; a second signal tells it not to wait for the guest. Two of a kind could arrive as one. */
async function stopThroughLauncher(directories: Directories, run: KnownRun, now: boolean): Promise<void> {
  const { launcher, vm } = run.record;
  signalProcess(launcher, SIGTERM);
  if (now) signalProcess(launcher, SIGINT);
  const deadline = Date.now() + LAUNCHER_GRACE_MS + run.record.shutdownGraceMs;
  while (isAlive(launcher) && findRun(directories, vm) !== null) {
    if (Date.now() > deadline) {
      signalProcess(launcher, SIGKILL);
      throw new MachineError({
        code: "stop-late",
        tried: `Cannot stop VM "${vm}" in order`,
        subject: vm,
        answer: "its launcher did not end it in time and was killed",
        remedy: `Run \`bulkhead stop ${vm}\` once more to end what is left.`,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
