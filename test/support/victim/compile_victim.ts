import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repositoryRoot } from "../repository.js";

export interface CompiledVictim {
  readonly path: string;
  /** A folder of its own, for the files of the test; removed by `remove`. */
  readonly folder: string;
  remove(): void;
}

/** Compiles test/support/victim/NAME.c with the system's C compiler and more `flags`. Throws with its messages when that fails. */
export function compileVictim(name: string, flags: readonly string[] = []): CompiledVictim {
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-victim-"));
  const path = join(folder, name);
  const source = join(repositoryRoot, "test/support/victim", `${name}.c`);
  execFileSync("cc", ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", ...flags, "-o", path, source], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  return { path, folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
