import { SandboxError } from "../errors/index.js";
import { addon, answerOf, type GatePhase, isSystemError, type NativeCallGate, type NativeRefusal } from "../kernel/index.js";
import { type CodeMapping, describeAddress, observeCode } from "../observe/index.js";
import type { ProcessPlan } from "../plan/index.js";

/** A start call that a process made and did not get. */
export interface RefusedCall extends NativeRefusal {
  /** What its instruction pointer is in, as `/usr/lib/x86_64-linux-gnu/libc.so.6+0x9c12a`; null where nothing executable is mapped. */
  readonly mapping: string | null;
}

type GatePlan = Pick<ProcessPlan, "id" | "attach" | "absent" | "afterLockDown">;

/** What answers the start calls of one process: lets them through until lock-down, and refuses them from then on. */
export class CallGate {
  readonly native: NativeCallGate;
  readonly #id: string;
  readonly #listeners: ((refused: RefusedCall) => void)[] = [];
  readonly #early: RefusedCall[] = [];
  #pid = 0;
  #code: readonly CodeMapping[] | undefined;
  #fatal: RefusedCall | null = null;
  #closed = false;

  constructor(plan: GatePlan) {
    this.#id = plan.id;
    this.native = new addon.CallGate({
      attach: plan.attach.map(({ path, access }) => ({ path, reads: access.includes("r"), writes: access.includes("w") })),
      absent: plan.absent.map(({ path }) => path),
      kill: plan.afterLockDown === "kill",
      onRefusal: (refusal) => this.#onRefusal(refusal),
    });
  }

  /** The call for which the process was ended; null when none was. */
  get fatal(): RefusedCall | null {
    return this.#fatal;
  }

  /** null when the process has ended. */
  get phase(): GatePhase | null {
    return this.#closed ? null : this.native.phase();
  }

  /** Whose calls it answers. */
  serve(pid: number): void {
    this.#pid = pid;
  }

  /**
   * Takes over the listener of a process that was locked down by a launcher that died. null when the process ends meanwhile;
   * the listener is closed then.
   */
  static resume(
    plan: GatePlan,
    process: { readonly listenerFd: number; readonly pid: number; readonly pidfd: number },
  ): CallGate | null {
    const gate = new CallGate(plan);
    gate.#pid = process.pid;
    try {
      gate.native.resume(process);
    } catch (error) {
      gate.close();
      if (isSystemError(error)) return null;
      throw error;
    }
    gate.#code = observeCode(process.pid);
    return gate;
  }

  /** From its return on every start call is refused. Throws SandboxError "lock-down-failed". */
  lock(): void {
    try {
      this.native.lock();
    } catch (cause) {
      throw new SandboxError({
        code: "lock-down-failed",
        tried: `Cannot lock down process "${this.#id}"`,
        subject: this.#id,
        answer: answerOf(cause),
        cause,
      });
    }
    // Final: nothing becomes executable any more. A launcher that has given up its privileges could not read it.
    this.#code = observeCode(this.#pid);
  }

  /** A copy of the listener, which is the caller's to close; -1 when the process has ended. */
  copyListener(): number {
    return this.#closed ? -1 : this.native.copyListener();
  }

  /** No open is answered with a file from here on. */
  seal(): void {
    this.native.seal();
  }

  /** Gets each refused call that is reported, those before it was added included. */
  onRefusal(listener: (refused: RefusedCall) => void): void {
    this.#listeners.push(listener);
    for (const refused of this.#early.splice(0)) listener(refused);
  }

  /** Its process has ended, or is given up: with the last copy of the listener closed the kernel refuses its start calls. */
  close(): void {
    this.#closed = true;
    this.native.close();
  }

  #onRefusal(refusal: NativeRefusal): void {
    const code = this.#code ?? observeCode(this.#pid);
    const refused = { ...refusal, mapping: describeAddress(code, refusal.instructionPointer) };
    if (refusal.killed) this.#fatal ??= refused;
    if (this.#listeners.length === 0) this.#early.push(refused);
    for (const listener of this.#listeners) listener(refused);
  }
}
