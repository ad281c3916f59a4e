import { spawn } from "node:child_process";
import { join } from "node:path";
import { REPOSITORY } from "./repository.mjs";
import { setUp } from "./setup/steps.mjs";

/** Sets up, then runs a compiled program with this terminal and these arguments, and ends as it ends. `steps` as in setUp. */
export async function startProgram(script, { steps = [] } = {}) {
  await setUp(steps);
  const child = spawn(process.execPath, ["--enable-source-maps", join(REPOSITORY, script), ...process.argv.slice(2)], {
    stdio: "inherit",
  });
  // The program decides how to end, and this process outlives it. A terminal sends the first two to both processes.
  process.on("SIGINT", () => {});
  process.on("SIGHUP", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  child.on("error", (error) => {
    process.stderr.write(`Cannot start ${script}: ${error.message}\n`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
