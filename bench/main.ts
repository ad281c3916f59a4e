import { parseArgs } from "node:util";
import { BulkheadError, EXIT } from "../src/index.js";
import { type Benchmark, type Result, withWorkshop } from "./benchmark.js";
import { confinedTrue } from "./confined_true.js";
import { diskReads } from "./disk_reads.js";
import { fastPaths } from "./fast_paths.js";
import { firstByte } from "./first_byte.js";
import { launcherMemory } from "./launcher_memory.js";
import { describeMachine } from "./machine_facts.js";
import { protocolSpeed } from "./protocol_speed.js";
import { formatResults } from "./result_table.js";
import { roundTrips } from "./round_trips.js";
import { seccompFilters } from "./seccomp_filters.js";
import { startPhases } from "./start_phases.js";

const BENCHMARKS: readonly Benchmark[] = [
  confinedTrue,
  firstByte,
  roundTrips,
  protocolSpeed,
  fastPaths,
  diskReads,
  launcherMemory,
  startPhases,
  seccompFilters,
];

const USAGE = `Usage: npm run bench [-- [--verbose] [NAME]...]

Each result is a ratio or difference within one run: medians, with quartiles in parentheses.
A missed goal is printed as missed. Exit codes: 0 everything was measured, 1 something could not be, 2 bad usage.

${BENCHMARKS.map(({ name, summary }) => `  ${name.padEnd(16)} ${summary}`).join("\n")}

Examples:
  npm run bench
  npm run bench -- --verbose first-byte
`;

function readCommandLine(): { chosen: readonly Benchmark[]; verbose: boolean } {
  const { values, positionals } = parseArgs({
    options: { verbose: { type: "boolean", short: "v", default: false }, help: { type: "boolean", short: "h", default: false } },
    allowPositionals: true,
  });
  if (values.help) {
    process.stdout.write(USAGE);
    process.exit(EXIT.clean);
  }
  const unknown = positionals.find((name) => !BENCHMARKS.some((benchmark) => benchmark.name === name));
  if (unknown !== undefined) throw new TypeError(`no benchmark is named ${JSON.stringify(unknown)}`);
  const chosen = BENCHMARKS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  return { chosen, verbose: values.verbose };
}

async function measure(benchmark: Benchmark, verbose: boolean): Promise<readonly Result[] | null> {
  process.stderr.write(`bench: ${benchmark.name}: ${benchmark.summary}\n`);
  const detail = (line: string): void => {
    if (verbose) process.stdout.write(`${line}\n`);
  };
  try {
    return await withWorkshop(detail, (workshop) => benchmark.run(workshop));
  } catch (error) {
    const words = error instanceof BulkheadError ? error.message : error instanceof Error ? error.stack : String(error);
    process.stderr.write(`bench: ${benchmark.name} could not run: ${words}\n`);
    return null;
  }
}

function readCommandLineOrEnd(): ReturnType<typeof readCommandLine> {
  try {
    return readCommandLine();
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(EXIT.badInput);
  }
}

const { chosen, verbose } = readCommandLineOrEnd();
process.stdout.write(`${describeMachine().join("\n")}\n\n`);
const results: Result[] = [];
for (const benchmark of chosen) {
  const measured = await measure(benchmark, verbose);
  if (measured === null) process.exitCode = EXIT.findings;
  else results.push(...measured);
}
process.stdout.write(formatResults(results));
