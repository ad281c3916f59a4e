import type { ProcessDirectory } from "../process_directory.js";
import { attempt, type Reading } from "./reading.js";

/** The file that a process executes. */
export interface LiveProgram {
  /** Path in the reader's words, without the kernel's ` (deleted)`; any bytes. */
  readonly path: string;
  /** It has no name in a file system: deleted or replaced since, or a memfd. */
  readonly deleted: boolean;
  readonly memfd: boolean;
  readonly uid: number;
  /** Permission bits. */
  readonly mode: number;
  readonly inode: string;
}

export interface LiveCommandLine {
  readonly arguments: readonly string[];
  readonly whole: boolean;
}

/** Of a command line; the rest says nothing of privileges. A libvirt guest's has some 5 KB. */
const COMMAND_LINE_BYTES_MAX = 64 * 1024;

const DELETED = " (deleted)";

/** Reads what /proc/PID/exe leads to; a kernel thread has none. */
export function observeProgram(directory: ProcessDirectory): Reading<LiveProgram> {
  return attempt(() => {
    const link = directory.link("exe");
    const facts = directory.describe("exe");
    // By the count of names: a file may be called "x (deleted)".
    const deleted = facts.links === 0;
    return {
      path: deleted && link.endsWith(DELETED) ? link.slice(0, -DELETED.length) : link,
      deleted,
      memfd: deleted && link.startsWith("/memfd:"),
      uid: facts.uid,
      mode: facts.mode & 0o7777,
      inode: `${facts.device}:${facts.inode}`,
    };
  });
}

/** Reads the arguments, which the process may have overwritten. */
export function observeCommandLine(directory: ProcessDirectory): Reading<LiveCommandLine> {
  return attempt(() => {
    const { bytes, whole } = directory.readStart("cmdline", COMMAND_LINE_BYTES_MAX);
    const words = bytes.toString("utf8").replace(/\0+$/, "");
    return { arguments: words === "" ? [] : words.split("\0"), whole };
  });
}
