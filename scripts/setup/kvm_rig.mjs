import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { listFiles, REPOSITORY } from "../repository.mjs";
import { assembleFlatBinary } from "./flat_binary.mjs";
import { run, say } from "./run.mjs";
import { buildOnChange } from "./stamp.mjs";

const FOLDER = "native/build/rig";

/** Where native/rig/kvm_rig.cc starts it. */
const GUEST = { source: "native/rig/guest.S", product: `${FOLDER}/guest`, address: 0x8000, sizeBytes: 512 };

const COMPILE = ["g++", "-O2", "-std=c++20", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-pthread", "-Inative/core"];

/** The machine that shows KVM's fast paths, and its guest: native/rig. */
export function buildKvmRig() {
  const sources = [...listFiles("native/rig", [".cc", ".h", ".S"]), "native/core/unique_fd.h"];
  const program = join(FOLDER, "kvm_rig");
  buildOnChange({ stamp: `${FOLDER}/rig.stamp`, sources, products: [program, `${GUEST.product}.bin`] }, () => {
    say("building the KVM rig");
    mkdirSync(join(REPOSITORY, FOLDER), { recursive: true });
    run("compile the KVM rig", [...COMPILE, "-o", program, ...sources.filter((file) => file.endsWith(".cc"))]);
    assembleFlatBinary(GUEST);
  });
}
