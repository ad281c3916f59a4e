import { mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { listFiles, REPOSITORY } from "../repository.mjs";
import { assembleFlatBinary } from "./flat_binary.mjs";
import { say } from "./run.mjs";
import { buildOnChange } from "./stamp.mjs";

const FOLDER = "native/build/boot";

/**
 * The pieces of the demo's boot program, and three programs of the tests: where the BIOS or the first stage loads each, and how long it may be.
 * boot_sector.S is the 446 bytes before the partition table and the signature; stage2.S fills whole sectors.
 */
const PIECES = [
  { source: "native/boot/boot_sector.S", address: 0x7c00, sizeBytes: 512 },
  { source: "native/boot/stage2.S", address: 0x8000, sizeBytes: 4 * 512 },
  // Of tests, not of the demo: they share the demo's serial code, and the last its first stage.
  { source: "native/boot/peripherals_sector.S", address: 0x7c00, sizeBytes: 512 },
  { source: "native/boot/program_devices.S", address: 0x7c00, sizeBytes: 512 },
  { source: "native/boot/steady_io.S", address: 0x8000, sizeBytes: 4 * 512 },
].map((piece) => ({ ...piece, product: join(FOLDER, basename(piece.source, ".S")) }));

/** Assembles native/boot/*.S to flat binaries in native/build/boot. */
export function buildBootProgram() {
  const sources = listFiles("native/boot", [".S", ".inc"]);
  const products = PIECES.map(({ product }) => `${product}.bin`);
  buildOnChange({ stamp: `${FOLDER}/boot.stamp`, sources, products }, () => {
    say("assembling the demo's boot program");
    mkdirSync(join(REPOSITORY, FOLDER), { recursive: true });
    for (const piece of PIECES) assembleFlatBinary(piece);
  });
}
