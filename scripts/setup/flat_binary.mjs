import { statSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY } from "../repository.mjs";
import { run, SetupError } from "./run.mjs";

/** Where boot programs find bios.inc and serial.inc. */
const INCLUDES = "native/boot";

/**
 * Assembles a 16-bit program to a flat binary. `product` is its path without an ending; `address` is where the BIOS or the
 * first stage loads it, `sizeBytes` what it must come to.
 */
export function assembleFlatBinary({ source, product, address, sizeBytes }) {
  const [object, linked, flat] = [".o", ".elf", ".bin"].map((ending) => product + ending);
  const purpose = `assemble ${source}`;
  run(purpose, ["as", "--32", "--fatal-warnings", "-I", INCLUDES, "-o", object, source]);
  run(purpose, [
    "ld",
    "-m",
    "elf_i386",
    "-nostdlib",
    "--section-start",
    `.text=0x${address.toString(16)}`,
    "--entry",
    "start",
    "-o",
    linked,
    object,
  ]);
  run(purpose, ["objcopy", "-O", "binary", "-j", ".text", linked, flat]);
  const { size } = statSync(join(REPOSITORY, flat));
  if (size !== sizeBytes) throw new SetupError(`Cannot ${purpose}: it came to ${size} bytes and must be ${sizeBytes}.`);
}
