// npm test [-- unit|property|golden|integration|lab_guests|lab_long|FILE]...: sets up, then runs the tests; the last line counts them.
import { buildBenchPrograms } from "./setup/bench_programs.mjs";
import { setUp } from "./setup/steps.mjs";
import { runTestCommand } from "./test/main.mjs";

// Tests of I/O limits boot the guest of the disk benchmark.
await setUp([buildBenchPrograms]);
await runTestCommand(process.argv.slice(2));
