import { readFileSync } from "node:fs";

/** Between two readings, in ms: a guest reads for seconds. */
const PERIOD_MS = 200;

/** What the groups of a VM have shown so far. */
export interface CgroupWatch {
  /** Most shared memory charged to each group at one time, in bytes: guest RAM is the only one there is. */
  readonly sharedBytesMax: ReadonlyMap<string, number>;
  /** Latest oom_kill and oom counts of each group. */
  readonly outOfMemory: ReadonlyMap<string, number>;
  stop(): void;
}

/** Reads the groups of a running VM until it is stopped or they are gone. `""` is the VM's own group. */
export function watchCgroups(vm: string, leaves: readonly string[]): CgroupWatch {
  const sharedBytesMax = new Map<string, number>();
  const outOfMemory = new Map<string, number>();
  const read = (): void => {
    for (const leaf of ["", ...leaves]) {
      const directory = `/sys/fs/cgroup/bulkhead/${vm}/${leaf}`;
      const shared = readField(`${directory}/memory.stat`, "shmem");
      const events = `${directory}/memory.events`;
      if (shared === null) return;
      sharedBytesMax.set(leaf, Math.max(shared, sharedBytesMax.get(leaf) ?? 0));
      outOfMemory.set(leaf, (readField(events, "oom") ?? 0) + (readField(events, "oom_kill") ?? 0));
    }
  };
  const timer = setInterval(read, PERIOD_MS);
  return { sharedBytesMax, outOfMemory, stop: () => clearInterval(timer) };
}

/** null when the group is gone. */
function readField(file: string, name: string): number | null {
  try {
    const value = new RegExp(`^${name} (\\d+)$`, "m").exec(readFileSync(file, "utf8"))?.[1];
    return value === undefined ? null : Number(value);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENODEV") return null;
    throw error;
  }
}
