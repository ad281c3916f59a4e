import { closeSync } from "node:fs";
import { Socket } from "node:net";
import { createInterface } from "node:readline";
import { addon, type CallGateOptions, type ExitStatus, type NativeCallGate, type NativeRefusal } from "../../src/kernel/index.js";
import { generateFilter, type SyscallRule } from "../../src/seccomp/index.js";
import type { CompiledVictim } from "./victim/compile_victim.js";

/** SECCOMP_FILTER_FLAG_NEW_LISTENER and _WAIT_KILLABLE_RECV: include/uapi/linux/seccomp.h. */
const WITH_LISTENER = (1n << 3n) | (1n << 5n);
/** What a child calls before its program, and what the victim is asked to call. */
const NOTIFIED = ["prctl", "execve", "execveat", "fork", "openat", "sysinfo"];
/** asm/unistd_64.h */
const GETPID = 39;
/** Three times what exec takes on a busy machine. */
const EXEC_DEADLINE_MS = 5000;

/** A process under a filter that notifies some calls and allows the rest: test/support/victim/gated.c. */
export interface GatedProcess {
  readonly gate: NativeCallGate;
  readonly pid: number;
  readonly refusals: readonly NativeRefusal[];
  readonly ended: Promise<ExitStatus>;
  /** Where questions go and answers come from. */
  readonly channelFd: number;
  /** Sends one line; resolves with the line that answers it, or null when the process ended instead. */
  ask(question: string): Promise<string | null>;
  end(): Promise<void>;
}

function notifyingFilter(): Buffer {
  const position = { file: "test", line: 1, column: 1 };
  const rules = NOTIFIED.map((syscall): SyscallRule => {
    return { syscall, checks: [], action: { kind: "notify" }, why: "the test asks for it", position };
  });
  return generateFilter({ rules, otherwise: { kind: "allow" } }, []).bytes;
}

export async function startGated(
  program: CompiledVictim,
  options: Partial<Omit<CallGateOptions, "onRefusal">> = {},
): Promise<GatedProcess> {
  const refusals: NativeRefusal[] = [];
  const onRefusal = (refusal: NativeRefusal): void => void refusals.push(refusal);
  const gate = new addon.CallGate({ attach: [], absent: [], kill: false, ...options, onRefusal });
  const session = new addon.Session({ coreCreate: false, coreSharePid: 0 });
  const [near, far] = addon.socketPair();
  const places = [far, far, 2].map((fd, number) => ({ step: "place-fd", fd, number: BigInt(number) }) as const);
  const { pid, pidfd, failed } = await addon.spawnConfined({
    operations: [
      ...places,
      { step: "no-new-privs" },
      { step: "end-with-launcher" },
      { step: "seccomp-filter", number: WITH_LISTENER, data: notifyingFilter() },
      { step: "listener-taken" },
      { step: "close-listener" },
      { step: "exec", path: program.path },
    ],
    argv: ["gated"],
    environment: [],
    session,
    gate,
    namespaces: 0n,
    networkSocket: -1,
    cgroupFd: -1,
    userMap: "",
    groupMap: "",
    deadlineMs: EXEC_DEADLINE_MS,
  });
  session.close();
  closeSync(far);
  if (failed) throw new Error("the victim did not start");
  const ended = addon.waitExit({ pidfd, keepAlive: true }).finally(() => closeSync(pidfd));
  const socket = new Socket({ fd: near });
  socket.on("error", () => {});
  const answers = createInterface({ input: socket })[Symbol.asyncIterator]();
  const ask = async (question: string): Promise<string | null> => {
    socket.write(`${question}\n`);
    const answer = await answers.next();
    return answer.done === true ? null : answer.value;
  };
  const end = async (): Promise<void> => {
    socket.destroy();
    await ended;
    gate.close();
  };
  // Its loader is done then, which makes start calls of its own.
  await ask(`call ${GETPID}`);
  return { gate, pid, refusals, ended, channelFd: near, ask, end };
}
