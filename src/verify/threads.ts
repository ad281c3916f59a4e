import type { ObservedProcess, ObservedThread, ThreadPart } from "../observe/index.js";
import type { ProcessPlan } from "../plan/index.js";
import type { Layer } from "../spec/index.js";
import type { Comparison } from "./difference.js";

const NO_CAPABILITIES = "0".repeat(16);
/** SECCOMP_MODE_FILTER: include/uapi/linux/seccomp.h. */
const SECCOMP_MODE_FILTER = 2;
const FILTERS_PLANNED = 1;

/** What must hold for each thread on its own: the kernel keeps all of this per thread. */
export function compareThreads(plan: ProcessPlan, observed: ObservedProcess, comparison: Comparison): void {
  for (const thread of observed.threads) compareThread(plan, thread, comparison);
}

function compareThread(plan: ProcessPlan, thread: ObservedThread, comparison: Comparison): void {
  const where = `thread ${thread.tid}: `;
  comparison.expect(
    "seccomp",
    `${where}mode ${SECCOMP_MODE_FILTER}, ${FILTERS_PLANNED} filter`,
    `${where}mode ${thread.seccompMode}, ${thread.seccompFilters} filter`,
  );
  for (const [set, bits] of Object.entries(thread.capabilities)) {
    comparison.expect("capabilities", `${where}${set} ${NO_CAPABILITIES}`, `${where}${set} ${bits}`);
  }
  comparison.expect("no-new-privs", `${where}set`, `${where}${thread.noNewPrivs ? "set" : "clear"}`);
  comparison.expect("uid", `${where}uids ${repeat(plan.uid)}`, `${where}uids ${thread.uids.join(" ")}`);
  comparison.expect("uid", `${where}gids ${repeat(plan.gid)}`, `${where}gids ${thread.gids.join(" ")}`);
  comparison.expect("uid", `${where}umask ${plan.umask.toString(8).padStart(4, "0")}`, `${where}umask ${thread.umask}`);
  if (plan.selinux !== null)
    comparison.expect("selinux", `${where}${plan.selinux.context}`, `${where}${thread.selinuxContext ?? "no context"}`);
  for (const part of thread.apart)
    comparison.note(layerOf(part), `${where}shares its ${part} with its process`, "has one of its own");
  comparison.expect("uid", `${where}no supplementary groups`, `${where}${groupsOf(thread)}`);
}

/** Real, effective, saved and file-system id. */
function repeat(id: number): string {
  return [id, id, id, id].join(" ");
}

function groupsOf(thread: ObservedThread): string {
  return thread.groups.length === 0 ? "no supplementary groups" : `supplementary groups ${thread.groups.join(" ")}`;
}

function layerOf(part: ThreadPart): Layer {
  if (part === "fds") return "fds";
  if (part === "paths") return "root";
  if (part === "cgroup") return "cgroup";
  return part === "core cookie" ? "core-scheduling" : "namespaces";
}

/**
 * The session of its VM, so that no terminal and no job control of the launcher's reaches it, and a process group of its
 * own, so that no signal to a group reaches it together with another process.
 */
export function compareSession(session: number, observed: ObservedProcess, comparison: Comparison): void {
  comparison.expect(
    "namespaces",
    `session ${session}, process group ${observed.pid}, no terminal`,
    `session ${observed.session}, process group ${observed.processGroup}, ${wordTerminal(observed.terminal)}`,
  );
}

function wordTerminal(terminal: number): string {
  return terminal === 0 ? "no terminal" : `terminal ${terminal}`;
}
