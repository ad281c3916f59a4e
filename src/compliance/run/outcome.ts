import { existsSync, readFileSync } from "node:fs";
import { getSystemErrorName } from "node:util";
import type { DeathCause } from "../../machine/index.js";
import type { ActStep, Control, Refuser } from "../controls/control.js";
import { type Performance, perform } from "../hostile/perform.js";
import { judgeFailure } from "../hostile/puppet.js";
import type { Subject } from "../hostile/subject.js";

/** How one attempt of an act ended. */
export type Attempt =
  | { readonly kind: "succeeded"; readonly evidence: string }
  /** `credited`: the layer that the kernel named; null where it named none. */
  | { readonly kind: "refused" | "died"; readonly credited: Refuser | null; readonly evidence: string }
  | { readonly kind: "silent"; readonly evidence: string };

/** What came of a control in one process. */
export interface Outcome {
  /** Null: the twin succeeded. */
  readonly twinFault: string | null;
  readonly attempt: Attempt | null;
  /** What of the ordinary work did not go on; null: all of it did. */
  readonly workFault: string | null;
}

/** Tries a control in a process: work, twin, act, work again. The process may be dead afterwards. */
export async function tryControl(control: Control, subject: Subject): Promise<Outcome> {
  const before = await workOf(() => subject.work());
  if (before !== null) return { twinFault: null, attempt: null, workFault: `before the act ${before}` };
  const twin = await perform(subject.puppet, control.twin.steps, subject.names);
  const twinFault = twin.kind === "done" ? null : wordPerformance(twin, control.twin.steps);
  if (twin.kind === "gone" || twin.kind === "silent") return { twinFault, attempt: null, workFault: null };
  const attempt = await attemptAct(control, subject);
  if (attempt.kind === "silent") return { twinFault, attempt, workFault: null };
  const after = await workOf(() => (attempt.kind === "died" ? subject.neighbourWork() : subject.work()));
  const whose = attempt.kind === "died" ? "beside it " : "";
  return { twinFault, attempt, workFault: after === null ? null : `${whose}${after}` };
}

/** The act alone. */
export async function attemptAct(control: Control, subject: Subject): Promise<Attempt> {
  const reportedBefore = subject.refused.length;
  const done = await perform(subject.puppet, control.act, subject.names);
  const words = wordPerformance(done, control.act);
  if (done.kind === "done") return { kind: "succeeded", evidence: words };
  if (done.kind === "silent") return { kind: "silent", evidence: words };
  if (done.kind === "gone") return explainDeath(subject, words);
  // A gate's report is sent before its answer, and comes by the event loop.
  await new Promise((resolve) => setImmediate(resolve));
  const reported = subject.refused.slice(reportedBefore).length > 0;
  const evidence = reported ? `${words}, as its listener was told` : words;
  return { kind: "refused", credited: reported ? "seccomp" : null, evidence };
}

async function explainDeath(subject: Subject, words: string): Promise<Attempt> {
  const cause = await subject.death();
  if (cause === null) return { kind: "silent", evidence: `${words}; its channel closed, and it lives` };
  return { kind: "died", credited: creditOf(cause, subject), evidence: `it died of ${cause.words}` };
}

/** include/uapi/asm-generic/signal.h */
const [SIGKILL, SIGSEGV] = [9, 11];

/** Who the kernel says ended it: its filter, the page tables, or the memory limit of its group. */
function creditOf({ intrusion, status }: DeathCause, { cgroup }: Subject): Refuser | null {
  if (intrusion) return "seccomp";
  if (status.signal === SIGSEGV) return "memory";
  return status.signal === SIGKILL && cgroup !== null && countOutOfMemory(cgroup) > 0 ? "cgroup" : null;
}

/** memory.events of Documentation/admin-guide/cgroup-v2.rst; 0 without the controller. */
function countOutOfMemory(group: string): number {
  const path = `${group}/memory.events`;
  return existsSync(path) ? Number(/^oom_kill (\d+)/m.exec(readFileSync(path, "utf8"))?.[1] ?? 0) : 0;
}

async function workOf(work: () => Promise<string | null>): Promise<string | null> {
  try {
    return await work();
  } catch (error) {
    const kind = judgeFailure(error);
    if (kind === null) throw error;
    return kind === "gone" ? "the process is gone" : "the process does not answer";
  }
}

/** `ptrace: EPERM`, `all 2 steps succeeded`. */
export function wordPerformance(done: Performance, steps: readonly ActStep[]): string {
  if (done.kind === "done") return steps.length === 1 ? `${nameOf(steps[0])} succeeded` : `all ${steps.length} steps succeeded`;
  const name = nameOf(steps[done.step]);
  if (done.kind !== "refused") return `the process ${done.kind === "gone" ? "ended at" : "does not answer since"} ${name}`;
  const often = done.succeeded === 0 ? "" : ` after ${done.succeeded} that succeeded`;
  return `${name}: ${errnoName(done.errno)}${often}`;
}

function nameOf(step: ActStep | undefined): string {
  if (step === undefined) return "the first step";
  return step.kind === "call" ? step.call : step.kind;
}

function errnoName(errno: number): string {
  return getSystemErrorName(-errno);
}
