import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { isGone } from "./process_directory.js";

/** All pids that the caller's /proc shows. */
export function listPids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Thread ids of a process, in order; empty when it ended. */
export function listThreads(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
      .map(Number)
      .sort((a, b) => a - b);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** The pid namespace of a process as `pid:[N]`; null when it ended or may not be seen. */
export function pidNamespaceOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return null;
  }
}

/** Every process inside one of these pid namespaces, whoever started it. */
export function findInPidNamespaces(namespaces: ReadonlySet<string>): number[] {
  return listPids().filter((pid) => namespaces.has(pidNamespaceOf(pid) ?? ""));
}

/** Every process in a cgroup directory and below it; empty when the directory is gone. */
export function findInCgroup(directory: string): number[] {
  try {
    const own = readFileSync(`${directory}/cgroup.procs`, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map(Number);
    const children = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [...own, ...children.flatMap((entry) => findInCgroup(`${directory}/${entry.name}`))];
  } catch (error) {
    if (isGone(error) || (error as NodeJS.ErrnoException).code === "ENODEV") return [];
    throw error;
  }
}
