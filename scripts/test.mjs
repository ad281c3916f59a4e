// npm test [-- unit|property|golden|integration|lab_guests|lab_long|FILE]...: sets up, then runs the tests; the last line counts them.
import { buildBenchPrograms } from "./setup/bench_programs.mjs";
import { buildSanitized } from "./setup/sanitized_builds.mjs";
import { setUp } from "./setup/steps.mjs";
import { runTestCommand } from "./test/main.mjs";

const args = process.argv.slice(2);
// Tests of I/O limits boot the guest of the disk benchmark. Unit tests need neither.
await setUp(args.length === 1 && args[0] === "unit" ? [] : [buildBenchPrograms, buildSanitized]);
await runTestCommand(args);
