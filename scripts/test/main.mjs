// Runs tests that are built already: node scripts/test/main.mjs [OPTION]... [unit|property|golden|integration|lab_guests|lab_long|FILE]...
//   --dist FOLDER      a build made elsewhere
//   --deadline-ms N    for each file, instead of that of its kind
// scripts/test.mjs sets up and builds first.
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { REPOSITORY } from "../repository.mjs";
import { discoverTests } from "./discover.mjs";
import { printFile, printSummary } from "./print.mjs";
import { endRunningTests, runTestFile } from "./run_file.mjs";

/** Runs what the arguments name and answers the exit code: 0 only when tests ran and none failed. */
export async function runTests(args) {
  const options = { dist: { type: "string" }, "deadline-ms": { type: "string" } };
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const dist = values.dist === undefined ? join(REPOSITORY, "dist") : resolve(values.dist);
  const reports = [];
  for (const kind of discoverTests(positionals)) {
    const queue = [...kind.files];
    const drain = async () => {
      for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
        const report = await runTestFile(file, { dist, deadlineMs: Number(values["deadline-ms"] ?? kind.deadlineMs) });
        reports.push(report);
        printFile(report);
      }
    };
    await Promise.all(Array.from({ length: kind.parallel }, drain));
  }
  const { passed, failed } = printSummary(reports);
  return failed === 0 && passed > 0 ? 0 : 1;
}

/** As a command: an interrupt ends the test processes too, which are in process groups of their own. */
export async function runTestCommand(args) {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.once(signal, () => {
      endRunningTests();
      process.kill(process.pid, signal);
    });
  }
  try {
    process.exitCode = await runTests(args);
  } catch (error) {
    console.error(`Cannot run the tests: ${error.message}`);
    process.exitCode = 2;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await runTestCommand(process.argv.slice(2));
