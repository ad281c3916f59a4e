import type { LiveThreadFilters } from "../../observe/index.js";
import type { Check, Observation } from "../check.js";
import { nameSome, unreadThreads } from "../judge_reading.js";

/** Threads by their stack of programs, the largest group first. */
function groupStacks(filters: readonly LiveThreadFilters[]): { readonly programs: string; readonly tids: number[] }[] {
  const groups = new Map<string, number[]>();
  for (const { tid, filters: stack } of filters) {
    const programs = stack.map(({ sha256 }) => sha256.slice(0, SHOWN_DIGITS)).join(", ") || "none";
    groups.set(programs, [...(groups.get(programs) ?? []), tid]);
  }
  return [...groups].map(([programs, tids]) => ({ programs, tids })).sort((a, b) => b.tids.length - a.tids.length);
}

/** Of a SHA-256: enough to tell the programs of one process apart. */
const SHOWN_DIGITS = 12;

export const processUnevenFilters: Check<"process"> = {
  id: "process-uneven-filters",
  on: "process",
  title: "Threads of one process run different filters",
  severity: "high",
  rationale:
    "Threads share all memory. What the weakest of their filters lets through, all of them can do through that thread; what is said of the process by its first thread alone is wrong.",
  remedy: "Install the filter with SECCOMP_FILTER_FLAG_TSYNC, or before the first thread is made.",
  source:
    "seccomp(2), SECCOMP_FILTER_FLAG_TSYNC; Seccomp_filters of /proc/PID/task/TID/status; PTRACE_SECCOMP_GET_FILTER, ptrace(2)",
  needs: ["proc", "ptrace"],
  judge: (facts) => {
    const { subject, process } = facts;
    const found: Observation[] = [];
    const counts = new Set(process.threads.list.map(({ seccompFilters }) => seccompFilters));
    if (process.filters.known) {
      const groups = groupStacks(process.filters.value);
      const words = groups.map(({ programs, tids }) => `${programs} in threads ${nameSome(tids.map(String))}`);
      if (groups.length > 1) found.push({ subject, evidence: `programs by sha256: ${nameSome(words)}` });
      return [...found, ...unreadThreads(facts)];
    }
    const words = process.threads.list.map(({ tid, seccompFilters }) => `${seccompFilters} in ${tid}`);
    if (counts.size > 1) found.push({ subject, evidence: `their number differs: ${nameSome(words)}` });
    return [...found, { subject, unknown: `its filters: ${process.filters.why}` }, ...unreadThreads(facts)];
  },
};
