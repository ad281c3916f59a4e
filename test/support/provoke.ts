import { execFileSync } from "node:child_process";
import { type CompiledVictim, compileVictim } from "./victim/compile_victim.js";

/** Makes other processes do what a bug or an attacker would make them do. */
export class Provoker {
  readonly #program: CompiledVictim = compileVictim("provoke");

  /** The main thread of the process runs in an endless loop of one instruction. */
  spin(pid: number): void {
    this.#run(pid, "spin");
  }

  /** Its main thread writes to standard error as fast as it can, and does nothing else. */
  flood(pid: number): void {
    this.#run(pid, "flood");
  }

  /** Its main thread writes lines to its monitor as fast as it can, and does nothing else. */
  floodMonitor(pid: number, monitorFd: number): void {
    this.#run(pid, "flood", String(monitorFd));
  }

  /** It calls abort(), as QEMU does when an assertion fails. */
  abort(pid: number): void {
    this.#run(pid, "abort");
  }

  /** It makes this system call, with zeros as its first arguments. */
  call(pid: number, syscallNumber: number): void {
    this.#run(pid, "syscall", String(syscallNumber));
  }

  /** It makes this system call, with at most four arguments, and goes on; the answer, an error number negated. Default: zeros. */
  ask(pid: number, syscallNumber: number, args: readonly number[] = []): number {
    return Number(this.#run(pid, "ask", String(syscallNumber), ...args.map(String)));
  }

  remove(): void {
    this.#program.remove();
  }

  #run(pid: number, ...what: readonly string[]): string {
    return execFileSync(this.#program.path, [String(pid), ...what], { stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" });
  }
}
