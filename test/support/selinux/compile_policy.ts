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

/** What is changed before it is compiled. */
export interface PolicyChange {
  /** Changes the module's text. */
  readonly module?: (text: string) => string;
  /** Types that the base policy shall not have. */
  readonly without?: readonly string[];
}

/** Compiles the module, changed as `change` says, and `more` CIL beside it, on the base policy of tests. */
export function compileModule(more = "", change: PolicyChange = {}): CompiledModule {
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-policy-"));
  const base = leaveOut(readFileSync(BASE, "utf8"), change.without ?? []).replace("; CATEGORIES", categories());
  const module = readFileSync(MODULE, "utf8");
  const files = { "base.cil": base, "bulkhead.cil": change.module?.(module) ?? module, "more.cil": more };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const path = join(folder, "policy");
  const paths = Object.keys(files).map((name) => join(folder, name));
  const args = ["-c", String(POLICY_VERSION), "-o", path, "-f", join(folder, "contexts"), ...paths];
  const { status, stdout, stderr } = spawnSync("secilc", args, { encoding: "utf8" });
  return { path: status === 0 ? path : null, said: stdout + stderr, remove: () => rmSync(folder, { recursive: true }) };
}

/** Base statements take a line each: those that give a type away go whole, but for lists of types, which lose its name. */
function leaveOut(base: string, types: readonly string[]): string {
  const names = new RegExp(`\\b(?:${types.join("|")})\\b`);
  if (types.length === 0) return base;
  const kept = base.split("\n").filter((line) => !names.test(line) || line.startsWith("(typeattributeset"));
  return kept.join("\n").replace(new RegExp(names, "g"), "");
}

function categories(): string {
  const names = Array.from({ length: CATEGORY_COUNT }, (_, index) => `c${index}`);
  const declared = names.map((name) => `(category ${name})`).join("");
  return `${declared}\n(categoryorder (${names.join(" ")}))\n(sensitivitycategory s0 (range c0 c${CATEGORY_COUNT - 1}))`;
}
