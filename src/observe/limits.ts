/** The kernel's wording in /proc/PID/limits (fs/proc/base.c, lnames) to the names of setrlimit(2). */
const NAMES: Readonly<Record<string, string>> = {
  "Max cpu time": "cpu",
  "Max file size": "fsize",
  "Max data size": "data",
  "Max stack size": "stack",
  "Max core file size": "core",
  "Max resident set": "rss",
  "Max processes": "nproc",
  "Max open files": "nofile",
  "Max locked memory": "memlock",
  "Max address space": "as",
  "Max file locks": "locks",
  "Max pending signals": "sigpending",
  "Max msgqueue size": "msgqueue",
  "Max nice priority": "nice",
  "Max realtime priority": "rtprio",
  "Max realtime timeout": "rttime",
};

export interface ObservedLimit {
  /** -1: unlimited. */
  readonly soft: number;
  readonly hard: number;
}

function parseLimit(text: string | undefined): number {
  return text === "unlimited" ? -1 : Number(text);
}

/** Parses /proc/PID/limits; columns have a fixed width of which the first is 25 characters. */
export function parseLimits(text: string): Readonly<Record<string, ObservedLimit>> {
  const limits: Record<string, ObservedLimit> = {};
  for (const line of text.split("\n").slice(1)) {
    const name = NAMES[line.slice(0, 25).trim()];
    const [soft, hard] = line.slice(25).trim().split(/\s+/);
    if (name !== undefined) limits[name] = { soft: parseLimit(soft), hard: parseLimit(hard) };
  }
  return limits;
}
