import { readdirSync, readFileSync } from "node:fs";
import type { Categories } from "./categories.js";
import { parseContext } from "./context.js";

/**
 * The levels of all processes of this host that have categories, whoever started them: low and high end of each range.
 * Empty without SELinux.
 */
export function readLevelsInUse(): Categories[] {
  const contexts = new Set(readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? (contextOf(name) ?? []) : [])));
  return [...contexts].flatMap(levelsOf);
}

/**
 * What a context keeps others from: nothing at the range of a login or a service (`s0-s0:c0.c1023`), whose low end has no
 * categories: it is cleared for all, and types hold it apart. Nor what is no context of an MCS policy.
 */
export function levelsOf(text: string): Categories[] {
  try {
    const { low, high } = parseContext(text);
    return low.length === 0 ? [] : [low, high];
  } catch {
    return [];
  }
}

function contextOf(pid: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/attr/current`, "utf8").replace(/[\0\n]+$/, "");
  } catch {
    return null; // Ended meanwhile, or a kernel without security modules.
  }
}
