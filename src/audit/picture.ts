import type { NamespaceKind } from "../observe/index.js";
import type { FdEdge } from "./facts/fd_graph.js";
import { describeFd, type FdObject } from "./facts/fd_object.js";
import type { ProcessFacts } from "./facts/process_facts.js";

/** What a report shows of one process beside its findings. All words may be the process's own. */
export interface ProcessPicture {
  /** `vmm`, `disk0`, `process 4711`. */
  readonly id: string;
  readonly pid: number;
  readonly command: string;
  readonly uid: number | null;
  readonly threads: number;
  /** Names of namespaces by kind; null: not known. */
  readonly namespaces: Readonly<Record<NamespaceKind, string>> | null;
  readonly fds: readonly FdObject[];
}

/** The processes of a target and what flows between them. */
export interface Picture {
  readonly processes: readonly ProcessPicture[];
  readonly edges: readonly FdEdge[];
}

export function pictureProcess(id: string, facts: ProcessFacts): ProcessPicture {
  const { pid, command, threads, namespaces, fds } = facts.process;
  return {
    id,
    pid,
    command,
    uid: threads.list[0]?.uids[1] ?? null,
    threads: threads.list.length,
    namespaces: namespaces.known ? namespaces.value : null,
    fds: (fds.known ? fds.value.list : []).map((fd) => describeFd(fd, facts)),
  };
}
