import { rmSync } from "node:fs";
import { listFiles } from "../repository.mjs";
import { run, say } from "./run.mjs";
import { buildOnChange } from "./stamp.mjs";

const ESBUILD = "node_modules/@esbuild/linux-x64/bin/esbuild";
/** As deep as dist/src/cli, so that what the code finds by its own place (native/, policies/) is where it looks. */
const COMMAND_FOLDER = "dist/bundle/cli";
/** The require() that bundled CommonJS (commander) asks for Node's own modules; a module has none. */
const REQUIRE = 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);';
/** Loaded through require() by code that is not asynchronous. */
/** Devices of examples/, each one file that Node runs without any other: what a private root can hold. */
const DEVICES = { dma_engine: "dist/examples/dma_engine/main.js" };
const DEVICE_FOLDER = "dist/bundle/devices";
const PACKAGES = { yaml: "dist/src/text/yaml_parts.js", zod: "dist/src/spec/zod_parts.js" };

/**
 * Joins the command's two hundred modules into a few files, and of two packages what is used of them: Node takes half a
 * millisecond for each file that it loads. docs/decisions/0026-bundled-command.md.
 */
export function bundle() {
  const sources = [
    "scripts/setup/bundles.mjs",
    "package-lock.json",
    ...listFiles("dist/src", [".js"]),
    ...listFiles("dist/examples", [".js"]),
  ];
  const products = [
    `${COMMAND_FOLDER}/main.js`,
    ...Object.keys(PACKAGES).map(packageFile),
    ...Object.keys(DEVICES).map(deviceFile),
  ];
  buildOnChange({ stamp: "dist/bundles.stamp", sources, products }, () => {
    say("bundling the command");
    for (const [name, entry] of Object.entries(PACKAGES)) {
      esbuild(`bundle package ${name}`, ["--format=cjs", `--outfile=${packageFile(name)}`, entry]);
    }
    // A chunk's name holds its content's hash: those of the last build would stay beside those of this one.
    rmSync(COMMAND_FOLDER, { recursive: true, force: true });
    esbuild("bundle the command", [
      "--format=esm",
      "--splitting",
      "--sourcemap",
      `--banner:js=${REQUIRE}`,
      `--outdir=${COMMAND_FOLDER}`,
      "dist/src/cli/main.js",
    ]);
    for (const [name, entry] of Object.entries(DEVICES)) {
      esbuild(`bundle the device ${name}`, ["--format=esm", `--banner:js=${REQUIRE}`, `--outfile=${deviceFile(name)}`, entry]);
    }
  });
}

function packageFile(name) {
  return `dist/packages/${name}.cjs`;
}

/** As a module by its name: no package.json stands beside it. */
function deviceFile(name) {
  return `${DEVICE_FOLDER}/${name}.mjs`;
}

function esbuild(what, options) {
  run(what, [ESBUILD, "--bundle", "--platform=node", "--log-level=warning", ...options]);
}
