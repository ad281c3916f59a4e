// npm run bench [-- NAME]... [--verbose]: sets up, then runs the benchmarks. docs/benchmarks.md.
import { buildBenchPrograms } from "./setup/bench_programs.mjs";
import { startProgram } from "./start_program.mjs";

await startProgram("dist/bench/main.js", { steps: [buildBenchPrograms] });
