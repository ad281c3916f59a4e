import type { Command } from "commander";
import { BulkheadError, MachineError } from "../errors/index.js";
import { adopt, askSupervisor, type Ending, endOrphan, signalProcess } from "../machine/index.js";
import { type Directories, findRun, isAlive, type KnownRun, openDirectories } from "../state/index.js";
import { escapeControls } from "../text/index.js";
import { confineOrLeave } from "./confine_supervisor.js";
import { readPlanningContext } from "./installation.js";
import { requireVm } from "./known_vm.js";
import { leaveRings } from "./leave_rings.js";

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
    .addHelpText(
      "after",
      "\nThe VM's supervisor does it and is waited for; nothing of the VM is left then. Exits with 5 when the VM turns out to have\n" +
        "ended by an intrusion.\n" +
        "\nExamples:\n  bulkhead stop web1\n  bulkhead stop web1 --now",
    )
    .action(async (vm: string, options: { now?: boolean }) => {
      const directories = openDirectories();
      const run = requireVm(directories, vm);
      const now = options.now === true;
      if (run.state === "orphaned") reportEnding(vm, await stopOrphan(directories, run, now));
      else if (run.state === "damaged") await endDamaged(directories, run);
      else reportEnding(vm, await stopThroughSupervisor(directories, run, now));
      process.stderr.write(`bulkhead: VM "${vm}" is stopped\n`);
    });
}

/** A VM that turned out to be intruded upon was stopped, and more has to be said. */
function reportEnding(vm: string, ending: Ending | null): void {
  if (ending?.reason !== "intrusion") return;
  process.stderr.write(`bulkhead: VM "${vm}" ended: ${escapeControls(ending.detail)}\n`);
  process.exitCode = ending.exitCode;
}

/** In order where its keeper still has the VMM's monitor, else by force. */
async function stopOrphan(directories: Directories, run: KnownRun, now: boolean): Promise<Ending | null> {
  const { vm } = run.record;
  if (!now) {
    leaveRings();
    try {
      const machine = await adopt({ ...(await readPlanningContext({})), vm, onLogLine: () => {} });
      // For as long as the guest takes to shut down it reads what untrusted processes write.
      confineOrLeave(machine, `\`bulkhead stop ${vm} --now\` ends it by force`);
      void machine.stop();
      return await machine.ended;
    } catch (error) {
      if (!(error instanceof BulkheadError)) throw error;
      process.stderr.write(`bulkhead: ending VM "${vm}" by force: ${error.message}\n`);
    }
  }
  if (await endOrphan(directories, run)) return null;
  return stopThroughSupervisor(directories, requireVm(directories, vm), now);
}

async function endDamaged(directories: Directories, run: KnownRun): Promise<void> {
  if (await endOrphan(directories, run)) return;
  // Somebody holds its lock: its supervisor lives, and has a control socket whatever the record says.
  await askSupervisor(run, { request: "stop", now: false });
}

async function stopThroughSupervisor(directories: Directories, run: KnownRun, now: boolean): Promise<Ending | null> {
  const deadlineMs = LAUNCHER_GRACE_MS + run.record.shutdownGraceMs;
  try {
    return (await askSupervisor(run, { request: "stop", now }, { deadlineMs })) as Ending;
  } catch (error) {
    // A launch that is under way does not listen yet; nor does a supervisor that is about to end.
    if (!(error instanceof MachineError) || error.code === "supervisor-silent") throw await killLauncher(run, error);
    await stopBySignals(directories, run, now);
    return endRemains(directories, run, now);
  }
}

/** A launcher that is gone may have ended the VM, or have died under it: then the VM serves on, and nobody ends it but we. */
async function endRemains(directories: Directories, { record: { vm } }: KnownRun, now: boolean): Promise<Ending | null> {
  const left = findRun(directories, vm);
  if (left === null) return null;
  if (left.state === "orphaned") return stopOrphan(directories, left, now);
  if ((left.state === "dead" || left.state === "damaged") && (await endOrphan(directories, left))) return null;
  if (findRun(directories, vm) === null) return null;
  throw new MachineError({
    code: "stop-undone",
    tried: `Cannot stop VM "${vm}"`,
    subject: vm,
    answer: `its launcher went away, and its state is ${left.state}`,
    remedy: `Run \`bulkhead ps\`, and \`bulkhead stop ${vm}\` once more.`,
  });
}

/** The launcher does the work; a second signal tells it not to wait for the guest. Two of a kind could arrive as one. */
async function stopBySignals(directories: Directories, run: KnownRun, now: boolean): Promise<void> {
  const { launcher, vm } = run.record;
  signalProcess(launcher, SIGTERM);
  if (now) signalProcess(launcher, SIGINT);
  const deadline = Date.now() + LAUNCHER_GRACE_MS + run.record.shutdownGraceMs;
  while (isAlive(launcher) && findRun(directories, vm) !== null) {
    if (Date.now() > deadline) throw await killLauncher(run, null);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function killLauncher(run: KnownRun, cause: unknown): unknown {
  if (cause !== null && !(cause instanceof MachineError)) return cause;
  const { launcher, vm } = run.record;
  signalProcess(launcher, SIGKILL);
  return new MachineError({
    code: "stop-late",
    tried: `Cannot stop VM "${vm}" in order`,
    subject: vm,
    answer: "its launcher did not end it in time and was killed",
    remedy: `Run \`bulkhead stop ${vm}\` once more to end what is left.`,
    cause,
  });
}
