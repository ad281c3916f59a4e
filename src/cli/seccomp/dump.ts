import { type Command, InvalidArgumentError } from "commander";
import { SeccompInputError } from "../../errors/index.js";
import { formatListing, readFilters, type ThreadFilters } from "../../seccomp/index.js";
import { writeOutput } from "./read_input.js";

interface DumpOptions {
  readonly pid: number;
  readonly output?: string;
  readonly json?: boolean;
}

/** PID_MAX_LIMIT of include/linux/threads.h on 64-bit machines. */
const PID_MAX = 4_194_304;

export function addDump(seccomp: Command): void {
  seccomp
    .command("dump")
    .description("Read the filters of every thread of a process back from the kernel.")
    .requiredOption("--pid <pid>", "process to read; it is stopped for some microseconds per thread", parsePid)
    .option("-o, --output <file>", "write the one program that all threads share there, - for standard output")
    .option(
      "--json",
      "print JSON: [{tid, filters: [{sha256, instructions, program}]}], the oldest filter first, programs in base64",
    )
    .addHelpText(
      "after",
      "\nNeeds root, and no filter of one's own.\n" +
        "\nExamples:\n  bulkhead seccomp dump --pid 4711\n  bulkhead seccomp dump --pid 4711 --output - | bulkhead seccomp prove policies/roles/disk.yaml -",
    )
    .action((options: DumpOptions) => {
      const threads = readFilters(options.pid);
      if (options.json === true) process.stdout.write(`${JSON.stringify(threads.map(describeThread))}\n`);
      if (options.output !== undefined) writeOutput(options.output, commonProgram(threads));
      else if (options.json !== true) process.stdout.write(listThreads(threads));
    });
}

function parsePid(word: string): number {
  const pid = /^[1-9]\d{0,6}$/.test(word) ? Number(word) : 0;
  if (pid < 1 || pid > PID_MAX) throw new InvalidArgumentError(`It is a number from 1 to ${PID_MAX}.`);
  return pid;
}

function describeThread({ tid, programs }: ThreadFilters): object {
  const filters = programs.map(({ sha256, instructions, bytes }) => {
    return { sha256, instructions: instructions.length, program: bytes.toString("base64") };
  });
  return { tid, filters };
}

/** Throws SeccompInputError "filters-differ" when there is no one program to write. */
function commonProgram(threads: readonly ThreadFilters[]): Buffer {
  const stacks = new Set(threads.map(stackOf));
  const [program, ...more] = threads[0]?.programs ?? [];
  if (program !== undefined && more.length === 0 && stacks.size === 1) return program.bytes;
  throw new SeccompInputError({
    code: "filters-differ",
    tried: "Cannot write one program",
    subject: String(threads[0]?.tid),
    answer: `its ${threads.length} threads have ${stacks.size} different stacks of filters, the first one of ${threads[0]?.programs.length ?? 0}`,
    remedy: "Use --json, which has them all.",
  });
}

function stackOf({ programs }: ThreadFilters): string {
  return programs.map(({ sha256 }) => sha256).join();
}

/** Threads with the same filters together, then those filters, the oldest first. */
function listThreads(threads: readonly ThreadFilters[]): string {
  const groups = new Map<string, ThreadFilters[]>();
  for (const thread of threads) groups.set(stackOf(thread), [...(groups.get(stackOf(thread)) ?? []), thread]);
  return [...groups.values()]
    .map((group) => {
      const programs = group[0]?.programs ?? [];
      const heading = `threads ${group.map(({ tid }) => tid).join(" ")}: ${programs.length === 0 ? "no filter" : ""}\n`;
      const listings = programs.map(
        (program, index) => `filter ${index} sha256 ${program.sha256}\n${formatListing(program.instructions)}`,
      );
      return heading + listings.join("\n");
    })
    .join("\n");
}
