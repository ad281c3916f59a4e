import { readFileSync } from "node:fs";
import { isGone } from "./process_directory.js";

/** One line of /proc/PID/mountinfo: proc_pid_mountinfo(5). */
export interface ObservedMount {
  readonly target: string;
  /** The directory of its file system that it shows. */
  readonly root: string;
  readonly type: string;
  /** Options of this mount, sorted: `nodev nosuid ro`. */
  readonly options: readonly string[];
  /** Options of its file system, which all of its mounts share: the controllers of a cgroup v1 hierarchy. */
  readonly superOptions: readonly string[];
}

/** The kernel writes space, tab, newline and backslash of paths in octal. */
function unescapePath(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

export function parseMountinfo(text: string): ObservedMount[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const fields = line.split(" ");
      const separator = fields.indexOf("-");
      return {
        target: unescapePath(fields[4] ?? ""),
        root: unescapePath(fields[3] ?? ""),
        type: fields[separator + 1] ?? "",
        options: (fields[5] ?? "").split(",").sort(),
        superOptions: (fields[separator + 3] ?? "").split(","),
      };
    });
}

/** What each mount of a process shows of its file system; empty when the process ended. */
export function mountRootsOf(pid: number): string[] {
  try {
    return parseMountinfo(readFileSync(`/proc/${pid}/mountinfo`, "utf8")).map((mount) => mount.root);
  } catch (error) {
    // EINVAL: the kernel's answer for a zombie, which has no mount namespace any more.
    if (isGone(error) || (error as NodeJS.ErrnoException).code === "EINVAL") return [];
    throw error;
  }
}
