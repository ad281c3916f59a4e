import type { ConfinedProcess, RefusedCall } from "../sandbox/index.js";
import { type CallFacts, type Directories, logEvent } from "../state/index.js";
import { printable } from "../text/index.js";

/** A refused call in words, and its parts for whoever filters events by them. */
export interface WordedCall extends CallFacts {
  /** Its name, or its number where it has none. */
  readonly syscall: string;
  /** `openat("/etc/passwd") at /usr/lib/x86_64-linux-gnu/libc.so.6+0x9c12a`. */
  readonly words: string;
}

/** Says what a process called. What it wrote itself, a path, is escaped and cut. */
export async function wordCall(refused: RefusedCall): Promise<WordedCall> {
  // Loaded here: a launch that reads its policies from the cache needs no table of syscalls.
  const { syscallName } = await import("../seccomp/index.js");
  const syscall = syscallName(refused.number) ?? String(refused.number);
  const args = refused.args.map((arg) => `0x${arg.toString(16)}`);
  const instructionPointer = `0x${refused.instructionPointer.toString(16)}`;
  const path = refused.path.length === 0 ? null : printable(refused.path.toString("latin1"));
  const shown = path === null ? args.join(", ") : JSON.stringify(path);
  const { mapping, tid, unreported } = refused;
  return {
    syscall,
    words: `${syscall}(${shown}) at ${mapping ?? `${instructionPointer}, where no code is mapped`}`,
    arguments: args,
    instructionPointer,
    mapping,
    tid,
    ...(path === null ? {} : { path }),
    ...(unreported === 0 ? {} : { unreported }),
  };
}

/** Puts every call that a process of a VM is refused into the event log: an intrusion where it was ended for it. */
export function logRefusals(directories: Directories, vm: string, { plan, gate }: Pick<ConfinedProcess, "plan" | "gate">): void {
  gate?.onRefusal(async (refused) => {
    const { words, syscall, ...facts } = await wordCall(refused);
    const about = { vm, process: plan.id, syscall, ...facts };
    if (refused.killed) logEvent(directories, { event: "intrusion", ...about, detail: `"${plan.id}" was ended for ${words}` });
    else logEvent(directories, { event: "refusal", ...about, detail: `"${plan.id}" was refused ${words}` });
  });
}
