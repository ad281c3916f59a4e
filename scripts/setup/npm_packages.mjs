import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY } from "../repository.mjs";
import { run, say } from "./run.mjs";

/** Runs `npm ci` when node_modules is not what package-lock.json asks for. */
export function installNpmPackages() {
  if (nodeModulesMatchLock()) return;
  say("installing npm packages");
  run("install the npm packages", ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
}

/** npm records in node_modules/.package-lock.json what it installed; packages for other platforms are not in it. */
function nodeModulesMatchLock() {
  const record = join(REPOSITORY, "node_modules/.package-lock.json");
  if (!existsSync(record)) return false;
  const installed = readPackages(record);
  const asked = readPackages(join(REPOSITORY, "package-lock.json"));
  const matches = ([path, entry]) =>
    path === "" || (installed[path] === undefined ? entry.optional === true : installed[path].integrity === entry.integrity);
  return (
    Object.entries(asked).every(matches) &&
    Object.keys(installed).every((path) => asked[path] !== undefined && existsSync(join(REPOSITORY, path)))
  );
}

function readPackages(file) {
  return JSON.parse(readFileSync(file, "utf8")).packages;
}
