import { closeSync, rmSync } from "node:fs";
import { MachineError } from "../errors/index.js";
import { addon, answerOf } from "../kernel/index.js";
import { inDirectory } from "./run_socket.js";

const SOCKET_NAME = "handover";
/** Longest wait of whoever hands over, in ms: nothing waits for the other side, which only has to stand. */
const SEND_DEADLINE_MS = 5000;
/** Follows the last fd. */
const END = "end";

/**
 * Hands open files to the supervisor of a VM, each under a name. `token`: what it said that it will take them by. They are all
 * with the kernel when this returns; closing them here is the caller's.
 */
export function handOver(directory: string, token: string, fds: ReadonlyMap<string, number>): void {
  try {
    const socketFd = inDirectory(directory, SOCKET_NAME, (path) => {
      return addon.connectPackets({ path, timeoutMs: SEND_DEADLINE_MS });
    });
    try {
      addon.sendFd({ socketFd, data: token, fd: -1 });
      for (const [data, fd] of fds) addon.sendFd({ socketFd, data, fd });
      addon.sendFd({ socketFd, data: END, fd: -1 });
    } finally {
      closeSync(socketFd);
    }
  } catch (cause) {
    throw failed("hand over", answerOf(cause), cause);
  }
}

/** Where a supervisor takes open files over: a socket in the VM's run directory, which only root may enter. */
export class Handover {
  readonly #listenFd: number;

  /** To be opened before the supervisor is confined: afterwards it makes no socket. */
  constructor(directory: string) {
    rmSync(`${directory}/${SOCKET_NAME}`, { force: true });
    this.#listenFd = inDirectory(directory, SOCKET_NAME, (path) => addon.listenLocal({ path, packets: true }));
  }

  /** What was handed over under this token, by name; closing it is the caller's. Throws MachineError "handover-failed". */
  take(token: string): Map<string, number> {
    for (;;) {
      const socketFd = addon.acceptLocal({ fd: this.#listenFd });
      if (socketFd < 0) throw failed("take over", "nobody has handed anything over");
      try {
        // One whose sender died, or that another user made, has waited there since.
        if (isOwn(socketFd) && receive(socketFd).data === token) return receiveAll(socketFd);
      } finally {
        closeSync(socketFd);
      }
    }
  }

  close(): void {
    closeSync(this.#listenFd);
  }
}

function isOwn(socketFd: number): boolean {
  return addon.peerUid({ socketFd }) === process.geteuid?.();
}

/** All of it has come when it is asked for, so that what is missing will never come. */
function receive(socketFd: number): { data: string; fd: number } {
  try {
    return addon.receiveFd({ socketFd });
  } catch (cause) {
    throw failed("take over", answerOf(cause), cause);
  }
}

function receiveAll(socketFd: number): Map<string, number> {
  const fds = new Map<string, number>();
  try {
    for (;;) {
      const { data, fd } = receive(socketFd);
      if (data === END) return fds;
      if (fd < 0) throw failed("take over", `${JSON.stringify(data)} came without an open file`);
      fds.set(data, fd);
    }
  } catch (error) {
    for (const fd of fds.values()) closeSync(fd);
    throw error;
  }
}

function failed(what: string, answer: string, cause?: unknown): MachineError {
  return new MachineError({
    code: "handover-failed",
    tried: `Cannot ${what} the open files of a device process`,
    subject: SOCKET_NAME,
    answer,
    cause,
  });
}
