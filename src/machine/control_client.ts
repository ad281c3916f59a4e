import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { createConnection, type Socket } from "node:net";
import { MachineError, RemoteError } from "../errors/index.js";
import type { KnownRun } from "../state/index.js";
import {
  type AdditionTurn,
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
import { ADDITION_ABANDONED } from "./talk.js";

export interface ControlOptions {
  /** Longest wait for the answer, in ms, the caller's own turns not counted; null: as long as the VM lives. Default 30000. */
  readonly deadlineMs?: number | null;
  /** Does what the supervisor asks of the caller meanwhile. One that throws ends the request with its error. */
  readonly onTurn?: (turn: AdditionTurn) => Promise<void>;
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
    return await new Exchange(vm, socket, options).ask(request);
  } finally {
    await directory.close();
  }
}

/** One request under way. */
class Exchange {
  readonly #vm: string;
  readonly #socket: Socket;
  readonly #options: ControlOptions;
  readonly #result: Promise<unknown>;
  #resolve: (result: unknown) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #timer: NodeJS.Timeout | undefined;
  /** Why a turn of the caller's was not done: what it is told in the end, whatever the supervisor says then. */
  #failure: { readonly error: unknown } | undefined;

  constructor(vm: string, socket: Socket, options: ControlOptions) {
    this.#vm = vm;
    this.#socket = socket;
    this.#options = options;
    this.#result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  ask(request: ControlRequest): Promise<unknown> {
    const socket = this.#socket;
    this.#options.signal?.addEventListener("abort", () => {
      this.#resolve(null);
      socket.destroy();
    });
    socket.on("connect", () => this.#send(request));
    socket.on("error", (cause) => this.#fail(unreachable(this.#vm, cause.message, cause)));
    socket.on("close", () => {
      clearTimeout(this.#timer);
      this.#fail(supervisorError("supervisor-gone", this.#vm, "it went away without an answer"));
    });
    readLines(socket, { bytesMax: ANSWER_BYTES_MAX, onFlood: () => void socket.destroy() }, (line) => this.#hear(line));
    return this.#result;
  }

  /** And waits for what comes of it. */
  #send(message: ControlRequest | { readonly done: boolean }): void {
    // The supervisor died during the caller's turn; that was told.
    if (this.#socket.destroyed) return;
    this.#socket.write(`${JSON.stringify(message)}\n`);
    const { deadlineMs = ANSWER_DEADLINE_MS } = this.#options;
    if (deadlineMs === null) return;
    this.#timer = setTimeout(() => {
      this.#fail(supervisorError("supervisor-silent", this.#vm, `it did not answer within ${deadlineMs} ms`));
      this.#socket.destroy();
    }, deadlineMs);
  }

  #hear(line: string): void {
    const answer = parseMessage(line) as ControlAnswer | string;
    if (typeof answer === "string") this.#fail(supervisorError("supervisor-garbled", this.#vm, answer));
    else if ("following" in answer) this.#options.onFollowing?.();
    else if ("item" in answer) this.#options.onItem?.(decodeItem(answer.item));
    else if ("turn" in answer) void this.#take(answer.turn);
    else if ("failure" in answer) this.#fail(decodeFailure(answer.failure));
    else this.#resolve(answer.result);
  }

  async #take(turn: AdditionTurn): Promise<void> {
    clearTimeout(this.#timer);
    try {
      await this.#options.onTurn?.(turn);
    } catch (error) {
      this.#failure = { error };
    }
    this.#send({ done: this.#failure === undefined });
  }

  /** What the caller saw fail counts, unless the supervisor knows more than that the caller gave up: how the process died. */
  #fail(error: unknown): void {
    const knowsMore = error instanceof RemoteError && error.code !== ADDITION_ABANDONED;
    this.#reject(this.#failure === undefined || knowsMore ? error : this.#failure.error);
  }
}

function supervisorError(code: string, vm: string, answer: string, cause?: unknown): MachineError {
  return new MachineError({ code, tried: `Cannot ask the supervisor of VM "${vm}"`, subject: vm, answer, cause });
}

function unreachable(vm: string, answer: string, cause: unknown): MachineError {
  return supervisorError("supervisor-unreachable", vm, answer, cause);
}
