import { type Layer, VMM_ID } from "../../spec/index.js";
import type { Control } from "../controls/control.js";
import { type HostileRequest, HostileVm } from "../hostile/hostile_vm.js";
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
  /** Aborted: no VM is launched any more. */
  readonly signal?: AbortSignal;
}

/** Which processes are attacked from, and what they start without. */
export interface Attacked {
  readonly role: string;
  readonly off: readonly Layer[];
}

/**
 * Does something with each control in a process of its own, as many side by side as one VM takes. By the control's id; one that had no
 * end within CONTROL_DEADLINE_MS is not there, and its process is killed.
 */
export async function attemptAll<Result>(
  source: VmSource,
  { role, off }: Attacked,
  work: { readonly controls: readonly Control[]; readonly act: (control: Control, subject: Subject) => Promise<Result> },
): Promise<Map<string, Result>> {
  const results = new Map<string, Result>();
  const size = role === VMM_ID ? 1 : SUBJECTS_MAX;
  for (let first = 0; first < work.controls.length; first += size) {
    source.signal?.throwIfAborted();
    const part = work.controls.slice(first, first + size);
    const vm = await HostileVm.launch(source.hostile, { name: source.nameVm(), role, count: part.length, off });
    try {
      await Promise.all(
        part.map(async (control, index) => {
          const result = await within(CONTROL_DEADLINE_MS, work.act(control, vm.subjects[index] as Subject));
          if (result !== null) results.set(control.id, result);
        }),
      );
    } finally {
      await vm.end();
    }
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
