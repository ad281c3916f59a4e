import type { ProcessDirectory } from "../process_directory.js";
import { attempt, type Reading } from "./reading.js";

/** Memory of a process that says something of what it can execute. */
export interface LiveMapping {
  /** `7f00-7fff`, as the kernel prints it. */
  readonly range: string;
  /** `rwxp`. */
  readonly access: string;
  /** Path in its file's own words, `[stack]`; empty for memory without a file. Any bytes. */
  readonly file: string;
}

export interface LiveMemory {
  /** What can be written and executed at once. */
  readonly writableAndExecutable: readonly LiveMapping[];
  /** Executable memory of files that have no name any more, memfds among them. */
  readonly executableDeleted: readonly LiveMapping[];
  /** Files that are mapped once to be written, shared, and once to be executed: writable code by another address. */
  readonly writableAlias: readonly LiveMapping[];
}

/** Text of a process with vm.max_map_count mappings, 65530 by default, of some 100 characters each. */
const MAPS_BYTES_MAX = 8 * 1024 * 1024;

/** A line of proc_pid_maps(5): addresses, permissions, offset, device, inode, name. */
const LINE = /^([0-9a-f]+-[0-9a-f]+) ([r-][w-][x-][ps]) [0-9a-f]+ (\S+) (\d+) *(.*)$/;

interface Line extends LiveMapping {
  /** `dev inode`; of memory without a file all zero. */
  readonly object: string;
}

/** Reads the map of a process's memory; empty for a kernel thread, which has none. */
export function observeMemory(directory: ProcessDirectory): Reading<LiveMemory> {
  return attempt(() => {
    const { bytes, whole } = directory.readStart("maps", MAPS_BYTES_MAX);
    if (!whole) throw new Error(`maps has more than ${MAPS_BYTES_MAX} bytes`);
    return parseMemory(bytes.toString("latin1"));
  });
}

/** Exported for its test. */
export function parseMemory(maps: string): LiveMemory {
  const lines = maps.split("\n").flatMap((line): Line[] => {
    const [, range, access, device, inode, file] = LINE.exec(line) ?? [];
    if (range === undefined || access === undefined) return [];
    return [{ range, access, file: file ?? "", object: `${device} ${inode}` }];
  });
  const executable = lines.filter(({ access }) => access[2] === "x");
  const sharedWritable = new Set(
    lines.filter(({ access }) => access[1] === "w" && access[3] === "s").map(({ object }) => object),
  );
  return {
    writableAndExecutable: executable.filter(({ access }) => access[1] === "w").map(describe),
    executableDeleted: executable.filter(({ file }) => file.endsWith(" (deleted)")).map(describe),
    writableAlias: executable.filter(({ access, object }) => access[1] !== "w" && sharedWritable.has(object)).map(describe),
  };
}

function describe({ range, access, file }: Line): LiveMapping {
  return { range, access, file };
}
