import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { listFiles, REPOSITORY } from "../repository.mjs";
import { run, SetupError, say } from "./run.mjs";
import { buildOnChange } from "./stamp.mjs";

const FOLDER = "native/build/judge";
const PRODUCT = `${FOLDER}/image_judge`;

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
  const sources = listFiles("native/judge", [".cc", ".h"]);
  const headers = listFiles("native/core", ["raw_syscall.h"]);
  buildOnChange({ stamp: `${FOLDER}/judge.stamp`, sources: [...sources, ...headers], products: [PRODUCT] }, () => {
    say("compiling the judge of images");
    mkdirSync(join(REPOSITORY, FOLDER), { recursive: true });
    run("compile the judge of images", [...COMPILE, "-o", PRODUCT, ...sources.filter((file) => file.endsWith(".cc"))]);
    // Nothing applies relocations in a program without libc: with one it would crash at its first use.
    const relocations = run("read the judge's relocations", ["readelf", "--relocs", PRODUCT], { env: { LC_ALL: "C" } });
    if (!relocations.includes("There are no relocations")) throw new SetupError(`${PRODUCT} needs relocations:\n${relocations}`);
  });
}
