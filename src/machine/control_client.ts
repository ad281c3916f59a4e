import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { createConnection, type Socket } from "node:net";
import { MachineError } from "../errors/index.js";
import type { KnownRun } from "../state/index.js";
import {
  ANSWER_BYTES_MAX,
  CONTROL_NAME,
  type ControlAnswer,
  type ControlRequest,
  decodeFailure,
  decodeItem,
} from "./control_message.js";
import type { FeedItem } from "./feed.js";
import { readLines } from "./line_reader.js";
import { parseMessage } from "./qmp_message.js";

export interface ControlOptions {
  /** Longest wait for the answer, in ms; null: as long as the VM lives. Default 30000. */
  readonly deadlineMs?: number | null;
  /** Called once the VM is followed: whatever happens from then on comes as an item. */
  readonly onFollowing?: () => void;
  /** Gets what happens, where the request follows the VM. */
  readonly onItem?: (item: FeedItem) => void;
  /** Aborted: the connection is closed and the answer is null. */
  readonly signal?: AbortSignal;
}

const ANSWER_DEADLINE_MS = 30_000;

/**
 * Asks the supervisor of a VM; resolves with its result, or throws its failure as a RemoteError. Throws MachineError
 * "supervisor-unreachable" where nobody listens, and "supervisor-silent".
 */
export async function askSupervisor(run: KnownRun, request: ControlRequest, options: ControlOptions = {}): Promise<unknown> {
  const { vm } = run.record;
  const directory = await open(run.directory, constants.O_RDONLY | constants.O_DIRECTORY).catch((cause: Error) => {
    throw unreachable(vm, cause.message, cause);
  });
  try {
    // Socket paths have at most 107 bytes (unix(7)), state directories may have more.
    const socket = createConnection({ path: `/proc/self/fd/${directory.fd}/${CONTROL_NAME}` });
    return await exchange(vm, { socket, request, options });
  } finally {
    await directory.close();
  }
}

interface Exchange {
  readonly socket: Socket;
  readonly request: ControlRequest;
  readonly options: ControlOptions;
}

function exchange(vm: string, { socket, request, options }: Exchange): Promise<unknown> {
  const { deadlineMs = ANSWER_DEADLINE_MS, onFollowing, onItem, signal } = options;
  return new Promise((resolve, reject) => {
    const fail = (code: string, answer: string): void => reject(supervisorError(code, vm, answer));
    const timer =
      deadlineMs === null
        ? undefined
        : setTimeout(() => {
            fail("supervisor-silent", `it did not answer within ${deadlineMs} ms`);
            socket.destroy();
          }, deadlineMs);
    signal?.addEventListener("abort", () => {
      resolve(null);
      socket.destroy();
    });
    socket.on("connect", () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on("error", (cause) => reject(unreachable(vm, cause.message, cause)));
    socket.on("close", () => {
      clearTimeout(timer);
      fail("supervisor-gone", "it went away without an answer");
    });
    const onFlood = (): void => void socket.destroy();
    readLines(socket, { bytesMax: ANSWER_BYTES_MAX, onFlood }, (line) => {
      const answer = parseMessage(line) as ControlAnswer | string;
      if (typeof answer === "string") fail("supervisor-garbled", answer);
      else if ("following" in answer) onFollowing?.();
      else if ("item" in answer) onItem?.(decodeItem(answer.item));
      else if ("failure" in answer) reject(decodeFailure(answer.failure));
      else resolve(answer.result);
    });
  });
}

function supervisorError(code: string, vm: string, answer: string, cause?: unknown): MachineError {
  return new MachineError({ code, tried: `Cannot ask the supervisor of VM "${vm}"`, subject: vm, answer, cause });
}

function unreachable(vm: string, answer: string, cause: unknown): MachineError {
  return supervisorError("supervisor-unreachable", vm, answer, cause);
}
