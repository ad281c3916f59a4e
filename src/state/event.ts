/**
 * What happens to a VM, in the words that callers filter by: one line of the event log each, docs/events.md. Members are
 * added, never renamed. Text in `detail` and `message` may hold what an untrusted process wrote, escaped and cut.
 */
export type MachineEvent =
  /** A launch has a plan and begins to make what it names. */
  | (Named<"launch"> & { readonly accel: "kvm" | "tcg" })
  /** The guest runs; every process was verified before its first instruction. */
  | Named<"running">
  | (Named<"launch-failed"> & { readonly message: string })
  /** The launcher gave up what it does not need while it supervises: the capabilities that it still holds. */
  | (Named<"launcher-confined"> & { readonly capabilities: readonly string[] })
  /** A call that a policy does not grant was refused, and the process lives on. */
  | (OfProcess<"refusal"> & { readonly syscall: string })
  /** A process died of a call that its policy does not grant. `syscall` is null where the kernel's log does not tell. */
  | (OfProcess<"intrusion"> & { readonly syscall: string | null })
  /** A process that made no progress for its deadline, and was killed for it. */
  | (OfProcess<"hang"> & { readonly silentMs: number })
  | OfProcess<"death">
  /** The virtual CPUs were stopped for an operator, because of what happened to `process`. */
  | OfProcess<"pause">
  /** A guest's watchdog expired in its process; `action` is what QEMU says that it calls for. */
  | (OfProcess<"watchdog"> & { readonly action: string })
  /** A supervisor took the VM over from one that died; in how many ways the VM then differed from its plan. */
  | (Named<"adopted"> & { readonly differences: number })
  /** Somebody connected to the control socket who may not: its uid, null for one who hung up before it was known. */
  | (Named<"control-refused"> & { readonly uid: number | null })
  | OfProcess<"device-added">
  | OfProcess<"device-removed">
  /** An image was given the label that its device needs, or its own again. */
  | (Named<"relabel"> & LabelFacts)
  /** An image does not have its own label again: somebody relabelled it meanwhile, or it could not be reached. */
  | (Named<"label-left"> & LabelFacts)
  /** An orderly stop was asked for. */
  | Named<"stop">
  /** The VM has ended; the launcher exits with `exitCode`. `process` caused it, null for an orderly end. */
  | (Named<"end"> & EndFacts)
  /** Nothing of the VM is left on the host. */
  | Named<"cleanup">
  | (Named<"cleanup-failed"> & { readonly message: string });

interface Named<Name extends string> {
  readonly event: Name;
  readonly vm: string;
}

interface OfProcess<Name extends string> extends Named<Name> {
  /** Id of the process. */
  readonly process: string;
  /** One sentence for a person. */
  readonly detail: string;
}

interface LabelFacts {
  readonly path: string;
  readonly detail: string;
}

interface EndFacts {
  readonly process: string | null;
  readonly reason: string;
  readonly detail: string;
  readonly exitCode: number;
}

export type EventName = MachineEvent["event"];

/** Severity of each event as syslog(3) numbers it: 2 critical, 4 warning, 6 informational. */
export const EVENT_PRIORITY: Readonly<Record<EventName, 2 | 4 | 6>> = {
  launch: 6,
  running: 6,
  "launch-failed": 4,
  "launcher-confined": 6,
  refusal: 4,
  intrusion: 2,
  hang: 4,
  death: 4,
  pause: 4,
  watchdog: 4,
  adopted: 6,
  "control-refused": 4,
  "device-added": 6,
  "device-removed": 6,
  relabel: 6,
  "label-left": 4,
  stop: 6,
  end: 6,
  cleanup: 6,
  "cleanup-failed": 4,
};
