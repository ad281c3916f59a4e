import { closeSync, constants, openSync } from "node:fs";
import { getSystemErrorName } from "node:util";
import { SandboxError } from "../errors/index.js";
import { addon, answerOf, type ChildOperation, type ConfineResult } from "../kernel/index.js";
import type { LauncherPlan } from "../plan/index.js";
import { EACCES, SECUREBITS, SUCCESS } from "./child_operations.js";
import { hasIoRing } from "./io_rings.js";
import { openRuleset } from "./landlock.js";

/** O_PATH: include/uapi/asm-generic/fcntl.h. node:fs does not name it. */
const O_PATH = 0o10000000;
/** SECCOMP_FILTER_FLAG_TSYNC and _TSYNC_ESRCH: include/uapi/linux/seccomp.h, Linux 5.7. Without the second a thread that cannot follow is no error. */
const ALL_THREADS = (1n << 0n) | (1n << 4n);

/**
 * Takes from every thread of this process what its plan does not leave, for good: capabilities, new privileges, paths,
 * system calls. Throws SandboxError "launcher-unconfined" when a step fails; the process is then in between, and must end.
 */
export function confineSelf(plan: LauncherPlan, filter: Buffer): void {
  if (plan.capabilities.length > 0) throw new Error("no operation keeps a capability");
  if (hasIoRing()) throw ringed();
  const ruleset = plan.landlock === null ? null : openDomain(plan.landlock);
  try {
    const operations = selfOperations(plan, { ruleset, filter });
    const result = addon.confineSelf({ operations });
    if (result.failed) throw unconfined(operations, result);
  } finally {
    if (ruleset !== null) closeSync(ruleset);
  }
}

function openDomain(plan: NonNullable<LauncherPlan["landlock"]>): number {
  try {
    return openRuleset(plan, (path) => openSync(path, O_PATH | constants.O_DIRECTORY));
  } catch (cause) {
    throw new SandboxError({
      code: "launcher-unconfined",
      tried: "Cannot prepare the launcher's Landlock domain",
      subject: "launcher",
      answer: answerOf(cause),
      cause,
    });
  }
}

/** The order is that of a child's: what needs CAP_SETPCAP, its loss, no_new_privs, then what asks for that. */
function selfOperations(
  plan: LauncherPlan,
  { ruleset, filter }: { readonly ruleset: number | null; readonly filter: Buffer },
): ChildOperation[] {
  return [
    { step: "clear-ambient-set" },
    { step: "securebits", number: SECUREBITS },
    { step: "expect-securebits", number: SECUREBITS },
    { step: "drop-bounding-set" },
    { step: "drop-capabilities" },
    // The domain that supervises has no capabilities, so after their loss; and while /proc may be written, so before Landlock.
    ...(plan.selinux === undefined ? [] : [{ step: "current-context", path: plan.selinux.context } as const]),
    { step: "no-new-privs" },
    ...(ruleset === null ? [] : restrictPaths(ruleset)),
    { step: "seccomp-filter", number: ALL_THREADS, data: filter },
  ];
}

/** No domain shows in /proc. The root directory may be listed by anyone whom no domain keeps from it. */
function restrictPaths(ruleset: number): ChildOperation[] {
  return [
    { step: "expect-open", path: "/", number: SUCCESS },
    { step: "landlock", fd: ruleset },
    { step: "expect-open", path: "/", number: EACCES },
  ];
}

/** Before anything is given up: later the first change of what libuv waits for would end the process. */
function ringed(): SandboxError {
  return new SandboxError({
    code: "launcher-unconfined",
    tried: "Cannot confine the launcher",
    subject: "launcher",
    answer: "its libuv has made an io_uring ring, which works past any filter",
    remedy: "Start it with LD_PRELOAD naming native/build/Release/bulkhead-ringless.so, as the command `bulkhead` does.",
  });
}

function unconfined(operations: readonly ChildOperation[], result: ConfineResult): SandboxError {
  const what = result.call ?? operations[result.operation]?.step ?? "an unknown step";
  const answer = result.error === 0 ? "it succeeded, and must not" : getSystemErrorName(-result.error);
  return new SandboxError({
    code: "launcher-unconfined",
    tried: `Cannot confine the launcher: step ${what} in thread ${result.tid}`,
    subject: "launcher",
    answer,
    remedy: "Run `bulkhead doctor`; with --keep-privileges a VM is supervised without this layer.",
  });
}
