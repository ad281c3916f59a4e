import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { listFiles, REPOSITORY } from "../repository.mjs";
import { assembleFlatBinary } from "./flat_binary.mjs";
import { run, say } from "./run.mjs";
import { buildOnChange } from "./stamp.mjs";

const FOLDER = "native/build/bench";

/** The BIOS loads a boot sector to 7c00h. */
const BOOT_SECTOR = { source: "native/bench/read_sectors.S", product: `${FOLDER}/read_sectors`, address: 0x7c00, sizeBytes: 512 };

const COMPILE = ["g++", "-O2", "-std=c++20", "-Wall", "-Wextra", "-Wconversion", "-Werror"];

/** Builds what the benchmarks run beside Bulkhead: each native/bench/*.cc to a program, and the guest of the disk benchmark. */
export function buildBenchPrograms() {
  const programs = listFiles("native/bench", [".cc"]).map((source) => ({
    source,
    product: join(FOLDER, basename(source, ".cc")),
  }));
  const sources = [...listFiles("native/bench", [".cc", ".S"]), ...listFiles("native/boot", [".inc"])];
  const products = [...programs.map(({ product }) => product), `${BOOT_SECTOR.product}.bin`];
  buildOnChange({ stamp: `${FOLDER}/bench.stamp`, sources, products }, () => {
    say("building the programs of the benchmarks");
    mkdirSync(join(REPOSITORY, FOLDER), { recursive: true });
    for (const { source, product } of programs) run(`compile ${source}`, [...COMPILE, "-o", product, source]);
    assembleFlatBinary(BOOT_SECTOR);
  });
}
