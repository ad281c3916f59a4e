import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { listFiles, REPOSITORY } from "../repository.mjs";
import { run, say } from "./run.mjs";
import { buildOnChange } from "./stamp.mjs";

const FOLDER = "native/build/sanitized";

/** Whatever a sanitizer sees ends the process. */
const COMPILE = [
  ...["g++", "-std=c++20", "-O1", "-g1", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-Inative/core"],
  ...["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"],
];

/** The addon and the reference device with AddressSanitizer and UndefinedBehaviorSanitizer, for test/property/sanitized.test.ts. */
export function buildSanitized() {
  buildFlood();
  buildAddon();
}

function buildFlood() {
  const sources = [
    ...listFiles("native/flood", [".cc", ".h"]),
    ...listFiles("native/reference_device", [".cc", ".h"]),
    ...listFiles("native/core", ["fd_message.cc", "fd_message.h", "raw_syscall.h", "shared_mapping.cc", "shared_mapping.h"]),
  ];
  build("the flood of the reference device", "device_flood", sources, [
    ...["-Inative/flood", "-Inative/reference_device"],
    // The device has a _start of its own, beside libc's, which is linked first and stays.
    "-Wl,-z,muldefs",
  ]);
}

function buildAddon() {
  const sources = [
    ...listFiles("native/core", [".cc", ".h", ".S"]).filter((file) => !file.endsWith("freestanding_memory.cc")),
    ...listFiles("native/addon", [".cc", ".h"]),
  ];
  const prefix = dirname(dirname(process.execPath));
  const headers = existsSync(join(prefix, "include/node")) ? join(prefix, "include/node") : "/usr/include/node";
  build("the addon with sanitizers", "bulkhead.node", sources, [
    ...["-shared", "-fPIC", "-fexceptions", "-DNAPI_VERSION=9", "-DNODE_ADDON_API_DISABLE_DEPRECATED"],
    ...["-isystem", "node_modules/node-addon-api", "-isystem", headers],
  ]);
}

function build(what, product, sources, options) {
  const path = `${FOLDER}/${product}`;
  buildOnChange({ stamp: `${path}.stamp`, sources, products: [path], extra: process.version }, () => {
    say(`compiling ${what}`);
    mkdirSync(join(REPOSITORY, FOLDER), { recursive: true });
    run(`compile ${what}`, [...COMPILE, ...options, "-o", path, ...sources.filter((file) => !file.endsWith(".h"))]);
  });
}
