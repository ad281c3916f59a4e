import type { FdPlan } from "../../plan/index.js";
import type { StartedProcess } from "../../verify/index.js";
import type { DeclaredObject } from "./fd_graph.js";

/** Who besides a process may hold the other ends of what it was given. */
interface Neighbours {
  readonly vmm: string;
  /** Processes of ours that read logs and talk to monitors. */
  readonly servants: readonly string[];
}

/** What a plan gives one process, by the `dev:ino` that the launcher noted of each object. */
export function declareObjects({ plan, held }: StartedProcess, neighbours: Neighbours): ReadonlyMap<string, DeclaredObject> {
  const given = new Map<string, DeclaredObject>();
  for (const { plan: fd, inode } of held) {
    // /dev/null is everybody's, and one that was not noted cannot be found.
    if (fd.source.from === "null" || inode === "") continue;
    given.set(inode, { purpose: fd.purpose, holders: holdersOf(fd, plan.id, neighbours) });
  }
  return given;
}

function holdersOf({ source }: FdPlan, id: string, { vmm, servants }: Neighbours): string[] {
  switch (source.from) {
    case "channel":
      return [source.device, vmm, id];
    case "log":
    case "monitor":
    case "serial":
      return [id, ...servants];
    case "null":
    case "image":
    case "backing":
    case "data":
    case "tap":
      return [id];
  }
}
