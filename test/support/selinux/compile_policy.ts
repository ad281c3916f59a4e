import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repositoryRoot } from "../repository.js";

/** What secilc made of the module on the base policy, and more where a test adds some. */
export interface CompiledModule {
  /** Null when it was refused. */
  readonly path: string | null;
  /** What secilc said. */
  readonly said: string;
  remove(): void;
}

const MODULE = join(repositoryRoot, "selinux/bulkhead.cil");
const BASE = join(repositoryRoot, "test/support/selinux/base.cil");
const CATEGORY_COUNT = 1024;
/** The newest policy that Debian 12's libsepol reads. */
const POLICY_VERSION = 33;

/** Compiles the module, changed where `change` says so, and `more` CIL beside it, on the base policy of tests. */
export function compileModule(more = "", change: (module: string) => string = (module) => module): CompiledModule {
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-policy-"));
  const base = readFileSync(BASE, "utf8").replace("; CATEGORIES", categories());
  const files = { "base.cil": base, "bulkhead.cil": change(readFileSync(MODULE, "utf8")), "more.cil": more };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const path = join(folder, "policy");
  const paths = Object.keys(files).map((name) => join(folder, name));
  const args = ["-c", String(POLICY_VERSION), "-o", path, "-f", join(folder, "contexts"), ...paths];
  const { status, stdout, stderr } = spawnSync("secilc", args, { encoding: "utf8" });
  return { path: status === 0 ? path : null, said: stdout + stderr, remove: () => rmSync(folder, { recursive: true }) };
}

function categories(): string {
  const names = Array.from({ length: CATEGORY_COUNT }, (_, index) => `c${index}`);
  const declared = names.map((name) => `(category ${name})`).join("");
  return `${declared}\n(categoryorder (${names.join(" ")}))\n(sensitivitycategory s0 (range c0 c${CATEGORY_COUNT - 1}))`;
}
