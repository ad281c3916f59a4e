import { listFiles } from "../repository.mjs";
import { run } from "./run.mjs";
import { buildOnChange } from "./stamp.mjs";

const FOLDER = "build/manual";

/** Man pages (build/manual/man) and completions (build/manual/completion), from the same definitions as --help. */
export function writeManuals() {
  const sources = listFiles("dist/src/cli", [".js"]);
  buildOnChange({ stamp: "build/manual.stamp", sources, products: [`${FOLDER}/man/man1/bulkhead.1`] }, () => {
    run("write the man pages", [process.execPath, "dist/src/cli/manual/write_manuals.js", FOLDER]);
  });
}
