// npm run install:host [-- --prefix DIR] [--remove]: sets up, then puts the command, its man pages and its completions where a host
// looks for them, below /usr/local or DIR, as links into this checkout. What is not ours stays: a file in the way is an error.
import { existsSync, lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { listFiles, REPOSITORY } from "./repository.mjs";
import { setUp } from "./setup/steps.mjs";

const values = readOptions();
const prefix = resolve(values.prefix);

function readOptions() {
  try {
    return parseArgs({ options: { prefix: { type: "string", default: "/usr/local" }, remove: { type: "boolean" } } }).values;
  } catch (error) {
    process.stderr.write(`Cannot install: ${error.message}. Usage: npm run install:host [-- --prefix DIR] [--remove]\n`);
    process.exit(2);
  }
}

/** From the path below the prefix to the file in the checkout. */
function plannedLinks() {
  const links = new Map([
    ["bin/bulkhead", "dist/bundle/cli/main.js"],
    ["share/bash-completion/completions/bulkhead", "build/manual/completion/bulkhead.bash"],
    ["share/zsh/site-functions/_bulkhead", "build/manual/completion/_bulkhead"],
  ]);
  for (const page of listFiles("build/manual/man/man1", [".1"])) links.set(`share/man/man1/${basename(page)}`, page);
  return links;
}

/** "ours", "absent", or "foreign". A link of ours may lead nowhere: its page went with a command. */
function stateOf(path) {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  if (facts === undefined) return "absent";
  return facts.isSymbolicLink() && readlinkSync(path).startsWith(`${REPOSITORY}/`) ? "ours" : "foreign";
}

function install() {
  const links = [...plannedLinks()].map(([below, file]) => ({ path: join(prefix, below), target: join(REPOSITORY, file) }));
  const foreign = links.find(({ path }) => stateOf(path) === "foreign");
  if (foreign !== undefined) {
    throw new Error(`${foreign.path} is there already and no link into this checkout; remove it, or choose another --prefix`);
  }
  for (const { path, target } of links) {
    rmSync(path, { force: true });
    if (values.remove === true) continue;
    if (!existsSync(target)) throw new Error(`${target} was not built`);
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(target, path);
  }
  return links.length;
}

if (values.remove !== true) await setUp();
try {
  const count = install();
  process.stdout.write(`${values.remove === true ? "Removed" : "Made"} ${count} links below ${prefix}.\n`);
} catch (error) {
  process.stderr.write(`Cannot install below ${prefix}: ${error.message}\n`);
  process.exitCode = 3;
}
