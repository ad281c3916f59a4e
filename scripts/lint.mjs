// npm run lint [-- --fix]: format and rules of everything that people write. --fix formats instead of complaining.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { listFiles, REPOSITORY } from "./repository.mjs";
import { buildOnChange } from "./setup/stamp.mjs";

const fix = process.argv.includes("--fix");
const FOLDERS = [
  "addon",
  "bench",
  "core",
  "filter_probe",
  "flood",
  "hostile_device",
  "judge",
  "keeper",
  "reference_device",
  "rig",
  "ringless",
];
const native = FOLDERS.flatMap((folder) => listFiles(`native/${folder}`, [".cc", ".h"]));
const nodeHeaders = join(dirname(dirname(process.execPath)), "include/node");

/** Runs a linter with its output on this terminal. One that complains does not keep the others from running. */
function lint(program, args) {
  const { error, status } = spawnSync(program, args, { cwd: REPOSITORY, stdio: ["ignore", "inherit", "inherit"] });
  if (error === undefined && status === 0) return true;
  console.error(`lint: ${program}: ${error?.message ?? `exit code ${status}`}`);
  process.exitCode = 1;
  return false;
}

function lintTypeScript() {
  lint("node_modules/@biomejs/cli-linux-x64/biome", ["check", "--error-on-warnings", ...(fix ? ["--write"] : [])]);
  lint("node_modules/.bin/eslint", ["."]);
}

function formatNative() {
  lint("clang-format", [...(fix ? ["-i"] : ["--dry-run", "-Werror"]), ...native]);
}

/** Most of a minute, so only when a source has changed since it last had nothing to say. */
function tidyNative() {
  buildOnChange(
    { stamp: "native/build/tidy.stamp", sources: [".clang-tidy", "native/binding.gyp", ...native], products: [] },
    () => {
      const defines = ["-DNAPI_VERSION=9", "-DNODE_ADDON_API_DISABLE_DEPRECATED"];
      const includes = [
        "-Inative/core",
        "-Inative/keeper",
        "-Inative/reference_device",
        "-isystem",
        "node_modules/node-addon-api",
        "-isystem",
        nodeHeaders,
      ];
      const sources = native.filter((file) => file.endsWith(".cc"));
      lint("clang-tidy", ["--quiet", ...sources, "--", "-std=c++20", "-fexceptions", ...defines, ...includes]);
    },
  );
}

/** What Debian does not install by default is used where it is, and its absence is said. */
function whenInstalled(program, check) {
  const installed = spawnSync(program, ["--version"], { stdio: "ignore" }).error === undefined;
  if (installed) check();
  else console.error(`lint: ${program} is not installed; the C++ sources are not checked with it`);
}

lintTypeScript();
whenInstalled("clang-format", formatNative);
if (existsSync(nodeHeaders)) whenInstalled("clang-tidy", tidyNative);
