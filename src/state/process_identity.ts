import { readFileSync } from "node:fs";

/** Names a process for ever: a pid alone is reused. `startTime` in clock ticks since boot, field 22 of /proc/PID/stat. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

/** Fields after the command name, which may itself hold spaces and brackets: proc_pid_stat(5). Field 3 is the first. */
const START_TIME_AFTER_NAME = 22 - 3;
const STATE_AFTER_NAME = 0;

function readStat(pid: number): string[] | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null; // Gone; every other reason to fail is a process we may not see, which is not one of ours.
  }
}

/** The identity of a live process; null when there is none with this pid. */
export function identifyProcess(pid: number): ProcessIdentity | null {
  const startTime = readStat(pid)?.[START_TIME_AFTER_NAME];
  return startTime === undefined ? null : { pid, startTime };
}

/** Whether exactly this process still runs; a zombie does not. */
export function isAlive(identity: ProcessIdentity): boolean {
  const fields = readStat(identity.pid);
  return fields !== null && fields[START_TIME_AFTER_NAME] === identity.startTime && fields[STATE_AFTER_NAME] !== "Z";
}
