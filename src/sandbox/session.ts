import { SandboxError } from "../errors/index.js";
import { addon, answerOf, type NativeSession } from "../kernel/index.js";
import type { LaunchPlan } from "../plan/index.js";

/** The session of a VM, which its processes share: what they are cloned from, while there are more to start. */
export interface Session {
  readonly id: number;
  readonly native: NativeSession;
  /** To be called when no more processes are to start. Those started keep the session. */
  close(): void;
}

type SessionPlan = Pick<LaunchPlan, "vm" | "processes">;

/** Makes a VM's session and, where its plan says so, its core-scheduling cookie. Throws SandboxError "session-failed". */
export function openSession(plan: SessionPlan): Session {
  return makeSession(plan, { coreCreate: hasCookie(plan), coreSharePid: 0 });
}

/** One more session for a VM that runs, with the cookie of its process `pid`. Throws SandboxError "session-failed". */
export function joinSession(plan: SessionPlan, pid: number): Session {
  return makeSession(plan, { coreCreate: false, coreSharePid: hasCookie(plan) ? pid : 0 });
}

function hasCookie(plan: SessionPlan): boolean {
  return plan.processes.some((process) => process.layers["core-scheduling"].status === "enforced");
}

function makeSession(plan: SessionPlan, cookie: { readonly coreCreate: boolean; readonly coreSharePid: number }): Session {
  try {
    const native = new addon.Session(cookie);
    return { id: native.id, native, close: () => native.close() };
  } catch (cause) {
    throw new SandboxError({
      code: "session-failed",
      tried: `Cannot make a session for VM "${plan.vm}"`,
      subject: plan.vm,
      answer: answerOf(cause),
      remedy: "Run `bulkhead doctor`.",
      cause,
    });
  }
}
