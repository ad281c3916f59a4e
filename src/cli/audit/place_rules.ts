import { join, relative } from "node:path";
import type { SyscallRule } from "../../seccomp/index.js";

/** How positions of a policy folder begin; a file that was named by its path has that path already. */
const IN_FOLDER = /^(roles|sets)\//;

/** A file of a policy folder as somebody in this directory would name it. */
export function placeFile(file: string, folder: string): string {
  if (!IN_FOLDER.test(file)) return file;
  const path = join(folder, file);
  const near = relative(process.cwd(), path);
  return near.startsWith("..") ? path : near;
}

/** Rules whose positions can be opened from here. */
export function placeRules(rules: readonly SyscallRule[], folder: string): SyscallRule[] {
  return rules.map((rule) => ({ ...rule, position: { ...rule.position, file: placeFile(rule.position.file, folder) } }));
}
