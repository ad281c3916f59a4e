import { type Layer, VMM_ID } from "../../spec/index.js";
import type { Control } from "../controls/control.js";
import { type HostileRequest, HostileVm } from "../hostile/hostile_vm.js";
import { OtherSandbox } from "../hostile/other_sandbox.js";
import type { Subject } from "../hostile/subject.js";

/** Subjects of one VM, beside the neighbour: side by side they cost one launch, and two CPUs verify them within a second. */
const SUBJECTS_MAX = 12;
/** Longest time for one control in one process, in ms: some thirty answers, each with a deadline of its own. */
export const CONTROL_DEADLINE_MS = 30_000;

/** What VMs are launched from, and by which names. */
export interface VmSource {
  readonly hostile: HostileRequest;
  /** Another name each time. */
  readonly nameVm: () => string;
  /** What starts a program in somebody else's sandbox, which is attacked instead; empty: none. Absent: the role's own. */
  readonly sandbox?: readonly string[];
  /** Aborted: no VM is launched any more. */
  readonly signal?: AbortSignal;
}

/** Which processes are attacked from, and what they start without. */
export interface Attacked {
  readonly role: string;
  readonly off: readonly Layer[];
}

/** VMs at once: what a launch waits for, a clone or an exec, leaves a CPU to the others. */
const VMS_AT_ONCE = 3;

interface Work<Result> {
  readonly controls: readonly Control[];
  readonly act: (control: Control, subject: Subject) => Promise<Result>;
}

/**
 * Does something with each control in a process of its own, as many side by side as one VM takes. By the control's id; one that had no
 * end within CONTROL_DEADLINE_MS is not there, and its process is killed.
 */
export async function attemptAll<Result>(source: VmSource, attacked: Attacked, work: Work<Result>): Promise<Map<string, Result>> {
  const size = attacked.role === VMM_ID ? 1 : SUBJECTS_MAX;
  const parts = Array.from({ length: Math.ceil(work.controls.length / size) }, (_, index) =>
    work.controls.slice(index * size, (index + 1) * size),
  );
  const results = new Map<string, Result>();
  let failed = false;
  const takeParts = async (): Promise<void> => {
    for (let part = parts.shift(); part !== undefined && !failed; part = parts.shift()) {
      source.signal?.throwIfAborted();
      try {
        for (const [id, result] of await attemptPart(source, attacked, { ...work, controls: part })) results.set(id, result);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  // All of them: a VM that is still up when another's launch fails is ended before anybody hears of it.
  const takers = await Promise.allSettled(Array.from({ length: VMS_AT_ONCE }, takeParts));
  for (const taker of takers) if (taker.status === "rejected") throw taker.reason;
  return results;
}

/** One VM. */
async function attemptPart<Result>(source: VmSource, { role, off }: Attacked, work: Work<Result>): Promise<Map<string, Result>> {
  const results = new Map<string, Result>();
  const { controls, act } = work;
  const count = controls.length;
  const vm =
    source.sandbox === undefined
      ? await HostileVm.launch(source.hostile, { name: source.nameVm(), role, count, off })
      : await OtherSandbox.launch(source.sandbox, count);
  try {
    await Promise.all(
      controls.map(async (control, index) => {
        const result = await within(CONTROL_DEADLINE_MS, act(control, vm.subjects[index] as Subject));
        if (result !== null) results.set(control.id, result);
      }),
    );
  } finally {
    await vm.end();
  }
  return results;
}

async function within<Result>(deadlineMs: number, work: Promise<Result>): Promise<Result | null> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, deadlineMs, null);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
