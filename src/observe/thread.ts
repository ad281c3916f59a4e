import type { ProcessDirectory } from "./process_directory.js";

/** The five capability sets as 16 hex digits each, as the kernel prints them. */
export interface CapabilitySets {
  readonly inheritable: string;
  readonly permitted: string;
  readonly effective: string;
  readonly bounding: string;
  readonly ambient: string;
}

/** What /proc/PID/task/TID/status tells of one thread: proc_pid_status(5). */
export interface ObservedThread {
  readonly tid: number;
  /** Real, effective, saved, file system. */
  readonly uids: readonly number[];
  readonly gids: readonly number[];
  readonly groups: readonly number[];
  readonly umask: string;
  readonly noNewPrivs: boolean;
  /** 0: none, 2: filter. */
  readonly seccompMode: number;
  readonly seccompFilters: number;
  readonly capabilities: CapabilitySets;
}

function parseStatus(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return fields;
}

function numbers(text: string): number[] {
  return text === "" ? [] : text.split(/\s+/).map(Number);
}

/** Reads one thread. A field that the kernel does not print reads as empty or 0, and so never as confined. */
export function observeThread(directory: ProcessDirectory, tid: number): ObservedThread {
  const fields = parseStatus(directory.read(`task/${tid}/status`));
  const field = (name: string): string => fields.get(name) ?? "";
  return {
    tid,
    uids: numbers(field("Uid")),
    gids: numbers(field("Gid")),
    groups: numbers(field("Groups")),
    umask: field("Umask"),
    noNewPrivs: field("NoNewPrivs") === "1",
    seccompMode: Number(field("Seccomp")),
    seccompFilters: Number(field("Seccomp_filters")),
    capabilities: {
      inheritable: field("CapInh"),
      permitted: field("CapPrm"),
      effective: field("CapEff"),
      bounding: field("CapBnd"),
      ambient: field("CapAmb"),
    },
  };
}
