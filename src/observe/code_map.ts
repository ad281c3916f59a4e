import { readFileSync } from "node:fs";
import { isGone } from "./process_directory.js";

/** Executable memory of a process. */
export interface CodeMapping {
  readonly start: bigint;
  /** First address behind it. */
  readonly end: bigint;
  /** Where it begins in its file. */
  readonly offset: bigint;
  /** Path in the process's root, or `[vdso]`; empty for memory without a file. */
  readonly file: string;
}

/** A line of proc_pid_maps(5): addresses, permissions, offset, device, inode, name. */
const LINE = /^([0-9a-f]+)-([0-9a-f]+) ..x. ([0-9a-f]+) \S+ \d+ *(.*)$/;

/** Reads what a process can execute; empty when it is gone. Needs CAP_SYS_PTRACE over it. */
export function observeCode(pid: number): CodeMapping[] {
  try {
    return parseCode(readFileSync(`/proc/${pid}/maps`, "latin1"));
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** The same from an open maps file. */
export function readCode(mapsFd: number): CodeMapping[] {
  return parseCode(readFileSync(mapsFd, "latin1"));
}

/** Exported for its test. */
export function parseCode(maps: string): CodeMapping[] {
  return maps.split("\n").flatMap((line) => {
    const match = LINE.exec(line);
    if (match === null) return [];
    const [start, end, offset] = match.slice(1, 4).map((digits) => BigInt(`0x${digits}`)) as [bigint, bigint, bigint];
    return [{ start, end, offset, file: match[4] ?? "" }];
  });
}

/** `/usr/lib/x86_64-linux-gnu/libc.so.6+0x9c12a`, where the address is in that file; null for one that nothing executable maps. */
export function describeAddress(code: readonly CodeMapping[], address: bigint): string | null {
  const found = code.find(({ start, end }) => start <= address && address < end);
  if (found === undefined) return null;
  const { start, offset, file } = found;
  return `${file === "" ? "memory without a file" : file}+0x${(address - start + offset).toString(16)}`;
}
