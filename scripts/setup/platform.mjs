import { readFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY } from "../repository.mjs";
import { SetupError } from "./run.mjs";

/** Refuses a machine on which nothing of this can work. The floor of Node's version stands in package.json. */
export function checkPlatform() {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new SetupError(`Bulkhead runs on Linux on x86_64; this is ${process.platform} on ${process.arch}.`, { exitCode: 3 });
  }
  const { engines } = JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8"));
  const floor = engines.node.replace(/^>=/, "");
  if (compareVersions(process.versions.node, floor) < 0) {
    throw new SetupError(`Bulkhead needs Node ${floor} or later; this is ${process.versions.node} (${process.execPath}).`, {
      exitCode: 3,
    });
  }
}

function compareVersions(left, right) {
  const [a, b] = [left, right].map((version) => version.split(".").map(Number));
  for (let part = 0; part < 3; part++) {
    const difference = (a[part] ?? 0) - (b[part] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
