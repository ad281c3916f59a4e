import { readdirSync, readlinkSync } from "node:fs";

/** What a process holds: each fd with what it leads to. */
export function readFds(pid: number): ReadonlySet<string> {
  const folder = `/proc/${pid}/fd`;
  return new Set(readdirSync(folder).flatMap((fd) => readFd(folder, fd)));
}

/** Nothing for one that was closed meanwhile. */
function readFd(folder: string, fd: string): string[] {
  try {
    return [`${fd} ${readlinkSync(`${folder}/${fd}`)}`];
  } catch {
    return [];
  }
}

export interface KeptFds {
  readonly pid: number;
  /** What it held before. */
  readonly before: ReadonlySet<string>;
  /** As many as it may keep: it is given `deadlineMs` to let go of the others, for QEMU unmaps later, in a thread. */
  readonly keeps: number;
  readonly deadlineMs: number;
}

/** How many fds it holds that it did not hold before. Those that it closed meanwhile do not make up for them. */
export async function countKept({ pid, before, keeps, deadlineMs }: KeptFds): Promise<number> {
  const untilMs = performance.now() + deadlineMs;
  const count = (): number => [...readFds(pid)].filter((fd) => !before.has(fd)).length;
  let kept = count();
  while (kept > keeps && performance.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    kept = count();
  }
  return kept;
}
