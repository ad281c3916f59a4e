import { closeSync } from "node:fs";
import { SandboxError } from "../errors/index.js";
import { addon, answerOf, type GatePhase, isSystemError, type NativeCallGate, type NativeRefusal } from "../kernel/index.js";
import { type CodeMapping, describeAddress, observeCode, readCode } from "../observe/index.js";
import type { ProcessPlan } from "../plan/index.js";

/** A start call that a process made and did not get. */
export interface RefusedCall extends NativeRefusal {
  /** What its instruction pointer is in, as `/usr/lib/x86_64-linux-gnu/libc.so.6+0x9c12a`; null where nothing executable is mapped. */
  readonly mapping: string | null;
}

type GatePlan = Pick<ProcessPlan, "id" | "attach" | "absent" | "afterLockDown">;

/** A process with what its gate needs of it. */
export interface HandedProcess {
  readonly pid: number;
  readonly pidfd: number;
  readonly listenerFd: number;
  /** Its /proc/PID/mem and /proc/PID/maps, opened by somebody who may; absent: this launcher may open them. */
  readonly memoryFd?: number;
  readonly mapsFd?: number;
}

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
   * Takes over a process that another launcher locked down. False when it ends meanwhile: then the kernel answers it, and
   * nobody is told. The fds are the gate's in any case.
   */
  takeOver(process: HandedProcess): boolean {
    const { listenerFd, pid, pidfd, memoryFd = -1, mapsFd } = process;
    this.#pid = pid;
    try {
      this.native.resume({ listenerFd, memoryFd, pid, pidfd });
      this.#code = mapsFd === undefined ? observeCode(pid) : readCode(mapsFd);
      return true;
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.close();
      return false;
    } finally {
      if (mapsFd !== undefined) closeSync(mapsFd);
    }
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
    if (this.#closed) return;
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
