import { readdirSync, readFileSync } from "node:fs";

/** Fds that this process holds. */
export function countFds(): number {
  // One of them reads the directory.
  return readdirSync("/proc/self/fd").length - 1;
}

/** Mappings of memory files that this process holds. */
export function countSharedMappings(): number {
  return readFileSync("/proc/self/maps", "utf8")
    .split("\n")
    .filter((line) => line.includes("/memfd:")).length;
}

/** Resolves after the event loop has turned so often, each turn giving sockets the chance to be read. */
export async function turns(count = 3): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
