import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { type BuildContext, makeRunDirectory } from "./cache.js";
import { ensureCoreKernel } from "./core_kernel.js";
import { makeSparseFile } from "./disk_image.js";
import { LAB_VM_GENERATION } from "./generation.js";
import { type LabCommand, writeJobScript } from "./job_script.js";
import { ensureLabImage, ensureLabRoot } from "./lab_image.js";
import { type LabMachine, planLabArguments } from "./lab_machine.js";
import { type LabProcess, startLabProcess } from "./lab_process.js";
import { packageDirectory } from "./lab_sources.js";
import { runProgram } from "./program.js";
import { ensureModulesImage, makeProjectImage } from "./project_image.js";
import { type QemuRoot, qemuRoot } from "./qemu_root.js";

export const LAB_KERNELS = ["distribution", "core-scheduling"] as const;
export type LabKernel = (typeof LAB_KERNELS)[number];

export interface LabRun extends BuildContext {
  readonly command: LabCommand;
  /** Directory that receives what the command left in `$LAB_RESULTS`, and `kernel.log`. Made when it is not there. */
  readonly resultsDirectory: string;
  /** Environment of the command, besides the lab's own. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: Debian's. `core-scheduling`: one compiled for that layer, on first use in some six minutes. */
  readonly kernel?: LabKernel;
  /** Memory of the lab, in MiB. Default 3072. */
  readonly memoryMib?: number;
  /** Longest wait from power-on to the command's start, in ms. Default 90000. */
  readonly bootTimeoutMs?: number;
  /** Longest time of the command, in ms. Default 1800000. */
  readonly commandTimeoutMs?: number;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** The terminal of a shell; unused by other commands. */
  readonly stdin?: Readable;
  /** Every line of the lab's console, as it comes. */
  readonly onConsoleLine?: (line: string) => void;
}

export interface LabOutcome {
  /** Of the command; 128 and the signal's number when a signal ended it. */
  readonly exitCode: number;
  /** From power-on to the command's start, in ms. */
  readonly bootMs: number;
  /** From power-on to power-off, in ms. */
  readonly totalMs: number;
}

const DEFAULT_MEMORY_MIB = 3072;
const DEFAULT_BOOT_TIMEOUT_MS = 90_000;
const DEFAULT_COMMAND_TIMEOUT_MS = 1_800_000;
/** Longest wait for results and power-off after the command's end, in ms. */
const POWER_OFF_TIMEOUT_MS = 60_000;
/** Most that a command may leave behind. Sparse, so unused room costs nothing. */
const RESULTS_BYTES = 1024 ** 3;

/**
 * Boots the lab, runs one command in it and returns how that ended. Nothing is retried and nothing stays: disks are throw-away
 * overlays, and QEMU dies with this process. Throws HostError ("lab-mirror-unreachable" and others of the build) or MachineError
 * "lab-panic", "lab-boot-timeout", "lab-command-timeout", "lab-init" or "lab-ended"; rethrows the signal's reason.
 */
export async function runLab(run: LabRun): Promise<LabOutcome> {
  const image = await ensureLabImage(run);
  const bootFiles = run.kernel === "core-scheduling" ? await ensureCoreKernel(run) : image;
  const labRoot = await ensureLabRoot(run);
  const qemu = await qemuRoot(LAB_VM_GENERATION, run);
  const modulesDisk = await ensureModulesImage(packageDirectory(), labRoot, run);
  await mkdir(run.resultsDirectory, { recursive: true });
  const workDirectory = await makeRunDirectory();
  try {
    const projectDisk = join(workDirectory, "project.img");
    const resultsDisk = join(workDirectory, "results.img");
    run.progress("copying the project");
    await makeProjectImage(projectDisk, packageDirectory(), { labRoot, workDirectory, signal: run.signal });
    await makeSparseFile(resultsDisk, RESULTS_BYTES);
    const outcome = await bootAndRun(
      run,
      qemu,
      planMachine(run, { bootFiles, disk: image.disk, projectDisk, modulesDisk, resultsDisk }),
    );
    await unpackResults(resultsDisk, run.resultsDirectory);
    return outcome;
  } finally {
    await rm(workDirectory, { recursive: true, force: true });
  }
}

function planMachine(run: LabRun, disks: Omit<LabMachine, "memoryMib" | "interactive">): LabMachine {
  return { ...disks, memoryMib: run.memoryMib ?? DEFAULT_MEMORY_MIB, interactive: run.command.kind === "shell" };
}

async function bootAndRun(run: LabRun, qemu: QemuRoot, machine: LabMachine): Promise<LabOutcome> {
  const startedMs = performance.now();
  run.progress(`booting under QEMU ${qemu.version}`);
  const lab = startLabProcess(qemu, planLabArguments(machine), run.onConsoleLine ?? (() => undefined));
  run.signal?.addEventListener("abort", lab.kill, { once: true });
  try {
    const conversation = converse(lab);
    await conversation.until("ready", {
      timeoutMs: run.bootTimeoutMs ?? DEFAULT_BOOT_TIMEOUT_MS,
      code: "lab-boot-timeout",
    });
    const bootMs = performance.now() - startedMs;
    run.progress(`ready after ${(bootMs / 1000).toFixed(1)} s`);
    const disconnect = connectStreams(run, lab);
    sendJob(lab, writeJobScript(run.command, run.env ?? {}));
    const exitCode = Number(
      await conversation.until("exit", {
        timeoutMs: run.commandTimeoutMs ?? DEFAULT_COMMAND_TIMEOUT_MS,
        code: "lab-command-timeout",
      }),
    );
    await conversation.until("results", { timeoutMs: POWER_OFF_TIMEOUT_MS, code: "lab-results-timeout" });
    await withDeadline(lab, lab.closed, { timeoutMs: POWER_OFF_TIMEOUT_MS, code: "lab-power-off-timeout" });
    disconnect();
    return { exitCode, bootMs, totalMs: performance.now() - startedMs };
  } catch (error) {
    run.signal?.throwIfAborted();
    throw error;
  } finally {
    run.signal?.removeEventListener("abort", lab.kill);
    lab.kill();
    await lab.closed;
  }
}

interface Deadline {
  readonly timeoutMs: number;
  readonly code: string;
}

/** Reads the control channel line by line. `until` gives the words after the one waited for. */
function converse(lab: LabProcess): { until: (word: string, deadline: Deadline) => Promise<string> } {
  const lines = createInterface({ input: lab.channel("control") })[Symbol.asyncIterator]();
  const read = async (word: string): Promise<string> => {
    for (;;) {
      const { value: line, done } = await lines.next();
      if (done) throw await endedEarly(lab, word);
      const [first, ...rest] = line.split(" ");
      if (first === word) return rest.join(" ");
      if (first === "failed") throw lab.fail("lab-init", `its init failed at: ${rest.join(" ")}`);
    }
  };
  return { until: (word, deadline) => withDeadline(lab, read(word), deadline) };
}

/** The console's last words arrive beside the control channel's end: the process's end comes after both. */
async function endedEarly(lab: LabProcess, word: string): Promise<Error> {
  await lab.closed;
  return lab.fail("lab-ended", `it ended before it said "${word}"`);
}

async function withDeadline<T>(lab: LabProcess, work: Promise<T>, deadline: Deadline): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_resolve, reject) => {
    const answer = `no answer within ${deadline.timeoutMs / 1000} s`;
    timer = setTimeout(() => reject(lab.fail(deadline.code, answer)), deadline.timeoutMs);
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** Joins the lab's output, or its terminal, to the caller's streams; returns how to part them. */
function connectStreams(run: LabRun, lab: LabProcess): () => void {
  lab.channel("stdout").pipe(run.stdout, { end: false });
  lab.channel("stderr").pipe(run.stderr, { end: false });
  if (run.command.kind !== "shell") return () => undefined;
  const shell = lab.channel("shell");
  shell.pipe(run.stdout, { end: false });
  run.stdin?.pipe(shell);
  return () => {
    run.stdin?.unpipe(shell);
    run.stdin?.pause();
  };
}

function sendJob(lab: LabProcess, script: string): void {
  const bytes = Buffer.from(script);
  lab.channel("control").write(Buffer.concat([Buffer.from(`${bytes.length}\n`), bytes]));
}

/** The lab's root owns nothing here: owners are not taken over, and tar refuses names that lead out of the directory. */
async function unpackResults(resultsDisk: string, directory: string): Promise<void> {
  const args = ["-x", "--no-same-owner", "--no-same-permissions", "-f", resultsDisk, "-C", directory];
  await runProgram({ program: "tar", args, timeoutMs: 120_000 });
}
