import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { listFiles, REPOSITORY } from "../repository.mjs";
import { run, say } from "./run.mjs";
import { buildOnChange } from "./stamp.mjs";

/**
 * npm packages whose binaries are built here. The published @2060.io/ffi-napi 4.0.9 and @2060.io/ref-napi 3.0.6 hold no
 * binary that loads, and npm 11 runs no install scripts. Both use Node-API, whose ABI is stable: once built they
 * serve every later Node. npm ci removes them, so their presence is the whole check.
 */
const BINDINGS = [
  { folder: "node_modules/@2060.io/ref-napi", product: "build/Release/binding.node" },
  { folder: "node_modules/ffi-napi", product: "build/Release/ffi_bindings.node" },
];

const NODE_GYP = ["npx", "--no-install", "node-gyp"];

export function buildNpmBindings() {
  for (const { folder, product } of BINDINGS) {
    if (existsSync(join(REPOSITORY, folder, product))) continue;
    say(`compiling ${folder}`);
    run(`compile ${folder}`, [...NODE_GYP, "rebuild", ...nodeHeaders()], { cwd: join(REPOSITORY, folder) });
    run(`load ${folder}`, [process.execPath, "--eval", `require(${JSON.stringify(join(REPOSITORY, folder))})`]);
  }
}

/** The project's own addon, keeper and preloaded library: native/binding.gyp to native/build/Release. */
export function buildAddon() {
  const sources = listFiles("native", [".gyp", ".cc", ".h", ".S"]).filter(
    (file) => !/^native\/(bench|boot|build|flood|judge|reference_device|rig)\//.test(file),
  );
  const products = ["bulkhead.node", "bulkhead-keeper", "bulkhead-ringless.so"].map((name) => `native/build/Release/${name}`);
  buildOnChange({ stamp: "native/build/addon.stamp", sources, products, extra: process.version }, () => {
    say("compiling the native addon");
    // Not "rebuild": that empties native/build, where the boot program lies too.
    run("compile the native addon", [...NODE_GYP, "configure", "build", ...nodeHeaders()], { cwd: join(REPOSITORY, "native") });
  });
}

/** Headers that came with this Node, when they did; otherwise node-gyp fetches those of its version. */
function nodeHeaders() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, "include/node/node_api.h")) ? [`--nodedir=${prefix}`] : [];
}
