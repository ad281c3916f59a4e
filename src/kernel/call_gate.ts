/** The phases of a process's start calls: let through; refused, with declared opens answered; refused, with none. */
export type GatePhase = "start" | "attach" | "run";

/** A notified call that was refused. */
export interface NativeRefusal {
  readonly tid: number;
  /** Its number in the x86-64 table. */
  readonly number: number;
  readonly args: readonly bigint[];
  readonly instructionPointer: bigint;
  /** What an open asked for; empty for another call, and when it could not be read. Any bytes. */
  readonly path: Buffer;
  /** The process was ended for it. */
  readonly killed: boolean;
  /** Refused calls before this one that were too many to report. */
  readonly unreported: number;
}

export interface CallGateOptions {
  /** Paths that are opened for the process, beneath its root, in the phase `attach`. */
  readonly attach: readonly { readonly path: string; readonly reads: boolean; readonly writes: boolean }[];
  /** Paths that are answered ENOENT; a component `*` stands for any one name. */
  readonly absent: readonly string[];
  /** Whether a refused call ends the process; otherwise it gets EPERM. */
  readonly kill: boolean;
  /** On the main thread, some time after the refusal; at most 8 times in a second. */
  readonly onRefusal: (refusal: NativeRefusal) => void;
}

/** Answers the notified calls of one process on a thread of its own: native/core/call_gate.h. */
export interface NativeCallGate {
  /**
   * Takes over the listener of a process that another launcher locked down, and its /proc/PID/mem; -1: opens that itself.
   * Throws SystemError; both fds are taken in any case.
   */
  resume(options: { listenerFd: number; memoryFd: number; pid: number; pidfd: number }): void;
  /** From its return on every start call is refused. Throws SystemError when the process has ended. */
  lock(): void;
  /** Ends the phase `attach`. */
  seal(): void;
  phase(): GatePhase;
  /** A copy of the listener, which is the caller's to close; -1 when the process has ended. */
  copyListener(): number;
  /** Ends the thread and closes the listener: the kernel answers ENOSYS when no copy is left. */
  close(): void;
}
