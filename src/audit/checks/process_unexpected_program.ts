import type { LiveMemory, LiveProgram } from "../../observe/index.js";
import type { Check, Observation } from "../check.js";
import { nameSome, whenKnown } from "../judge_reading.js";

/** Write bits for group and others. */
const WRITABLE_BY_OTHERS = 0o022;

function judgeProgram(subject: string, program: LiveProgram, uids: readonly number[]): Observation[] {
  const { path, deleted, memfd, mode, uid } = program;
  if (memfd) return [{ subject, evidence: `its program was never a file: ${path}`, severity: "high" }];
  const found: Observation[] = [];
  if (deleted) found.push({ subject, evidence: `${path} is deleted or was replaced while it runs`, severity: "medium" });
  if ((mode & WRITABLE_BY_OTHERS) !== 0)
    found.push({ subject, evidence: `${path} has mode ${mode.toString(8)}: others may write it`, severity: "high" });
  else if (uid !== 0 && uids.includes(uid))
    found.push({
      subject,
      evidence: `${path} belongs to uid ${uid}, which the process runs as: it may change its own program`,
      severity: "medium",
    });
  return found;
}

function judgeMemory(subject: string, { executableDeleted }: LiveMemory, program: LiveProgram): Observation[] {
  const others = executableDeleted.filter(({ file }) => file !== `${program.path} (deleted)` && !file.startsWith("/memfd:"));
  const memfds = executableDeleted.filter(({ file }) => file.startsWith("/memfd:"));
  const found: Observation[] = [];
  if (others.length > 0)
    found.push({ subject, evidence: `it executes deleted files: ${nameSome(others.map(({ file }) => file))}` });
  if (memfds.length > 0 && !program.memfd)
    found.push({ subject, evidence: `it executes memory files: ${nameSome(memfds.map(({ file }) => file))}` });
  return found;
}

export const processUnexpectedProgram: Check<"process"> = {
  id: "process-unexpected-program",
  on: "process",
  title: "What the process executes is no file that an administrator installed",
  severity: "medium",
  rationale:
    "A program or library that was deleted, replaced or never was a file is either older than the fixed one on disk, or code that somebody brought along; one that its own uid may write is changed by whoever owns the process.",
  remedy: "Restart it after an upgrade; install programs owned by root, with mode 755.",
  source: "/proc/PID/exe and /proc/PID/maps, proc_pid_exe(5); memfd_create(2)",
  needs: ["proc"],
  judge: (facts) => {
    const { subject, process } = facts;
    if (process.isKernelThread) return [];
    return whenKnown(process.program, facts, (program) => {
      const uids = process.threads.list.flatMap((thread) => thread.uids);
      return [
        ...judgeProgram(subject, program, uids),
        ...whenKnown(process.memory, facts, (memory) => judgeMemory(subject, memory, program)),
      ];
    });
  },
};
