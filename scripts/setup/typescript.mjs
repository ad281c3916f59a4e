import { listFiles } from "../repository.mjs";
import { run, say } from "./run.mjs";
import { buildOnChange } from "./stamp.mjs";

const FOLDERS = ["src", "test", "bench", "examples"];

/** Compiles all TypeScript to dist/, incrementally. */
export function compileTypeScript() {
  const sources = ["tsconfig.json", "package-lock.json", ...FOLDERS.flatMap((folder) => listFiles(folder, [".ts"]))];
  buildOnChange({ stamp: "dist/typescript.stamp", sources, products: ["dist/src"] }, () => {
    say("compiling TypeScript");
    run("compile the TypeScript sources", [process.execPath, "node_modules/typescript/bin/tsc", "-p", "."]);
  });
}
