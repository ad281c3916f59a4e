// npm run mutation: weakens every policy in one place at a time and requires that the compliance suite notices. Some minutes.
import { spawnSync } from "node:child_process";
import { REPOSITORY } from "./repository.mjs";
import { setUp } from "./setup/steps.mjs";

await setUp();
const { status } = spawnSync(process.execPath, ["dist/test/mutation/main.js"], { cwd: REPOSITORY, stdio: "inherit" });
process.exitCode = status ?? 1;
