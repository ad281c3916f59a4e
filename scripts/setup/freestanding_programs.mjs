import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { listFiles, REPOSITORY } from "../repository.mjs";
import { run, SetupError, say } from "./run.mjs";
import { buildOnChange } from "./stamp.mjs";

/** No libc, no exceptions, no stack protector (its guard lives where libc would put it), position-independent. */
const COMPILE = [
  ...["g++", "-std=c++20", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-Inative/core"],
  ...["-ffreestanding", "-nostdlib", "-static-pie", "-fPIE", "-fno-exceptions", "-fno-rtti", "-fno-stack-protector"],
  // Or the loop of memset would become a call of memset.
  "-fno-tree-loop-distribute-patterns",
  ...["-fno-asynchronous-unwind-tables", "-Wl,-z,now", "-Wl,-z,relro", "-Wl,-z,noexecstack", "-Wl,-z,separate-code"],
];

/** The program that judges tenants' images in a confined process: native/judge/*.cc. */
export function buildImageJudge() {
  build({
    what: "the judge of images",
    sourceFolder: "native/judge",
    product: "native/build/judge/image_judge",
    stamp: "native/build/judge/judge.stamp",
  });
}

/** The smallest device process: native/reference_device/*.cc. */
export function buildReferenceDevice() {
  build({
    what: "the reference device",
    sourceFolder: "native/reference_device",
    product: "native/build/reference_device/reference_device",
    stamp: "native/build/reference_device/device.stamp",
  });
}

/** Asks the kernel what it answers to calls under a filter: native/filter_probe/*.cc. */
export function buildFilterProbe() {
  build({
    what: "the probe of filters",
    sourceFolder: "native/filter_probe",
    product: "native/build/filter_probe/filter_probe",
    stamp: "native/build/filter_probe/probe.stamp",
  });
}

/** The reference device as a hostile one, for the compliance suite: native/hostile_device/*.cc and the device's own parts. */
export function buildHostileDevice() {
  build({
    what: "the hostile device",
    sourceFolder: "native/hostile_device",
    product: "native/build/hostile_device/hostile_device",
    stamp: "native/build/hostile_device/device.stamp",
    more: listFiles("native/reference_device", [".cc", ".h"]).filter((file) => !file.endsWith("/reference_device.cc")),
  });
}

function build({ what, sourceFolder, product, stamp, more = [] }) {
  const sources = [
    ...listFiles(sourceFolder, [".cc", ".h"]),
    ...more,
    ...listFiles("native/core", ["freestanding_memory.cc", "raw_syscall.h"]),
  ];
  buildOnChange({ stamp, sources, products: [product] }, () => {
    say(`compiling ${what}`);
    mkdirSync(join(REPOSITORY, dirname(product)), { recursive: true });
    const folders = [...new Set(more.map((file) => `-I${dirname(file)}`))];
    run(`compile ${what}`, [...COMPILE, ...folders, "-o", product, ...sources.filter((file) => file.endsWith(".cc"))]);
    // Nothing applies relocations in a program without libc: with one it would crash at its first use.
    const relocations = run(`read the relocations of ${what}`, ["readelf", "--relocs", product], { env: { LC_ALL: "C" } });
    if (!relocations.includes("There are no relocations")) throw new SetupError(`${product} needs relocations:\n${relocations}`);
  });
}
