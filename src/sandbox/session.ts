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

/** Makes a VM's session and, where its plan says so, its core-scheduling cookie. Throws SandboxError "session-failed". */
export function openSession(plan: Pick<LaunchPlan, "vm" | "processes">): Session {
  const coreCreate = plan.processes.some((process) => process.layers["core-scheduling"].status === "enforced");
  try {
    const native = new addon.Session({ coreCreate, coreSharePid: 0 });
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
