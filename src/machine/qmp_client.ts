import { randomInt } from "node:crypto";
import { Socket } from "node:net";
import { MachineError } from "../errors/index.js";
import { addon } from "../kernel/index.js";
import { FLOOD, MonitorRate } from "./monitor_rate.js";
import { describeRefusal, LINE_BYTES_MAX, parseMessage } from "./qmp_message.js";

/** An event that QEMU sent of its own accord. Untrusted: a process that was taken over writes what it likes. */
export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Longest wait for the answer to a command, in ms, unless the caller says otherwise. */
const COMMAND_DEADLINE_MS = 10_000;

/** Ids of a resumed client: far from those that its predecessor can have reached, and exact in JSON. */
const RESUMED_ID_MIN = 2 ** 32;
const RESUMED_ID_MAX = 2 ** 40;

type Arguments = Readonly<Record<string, unknown>>;

interface Pending {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: MachineError) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * A QMP monitor over an inherited socket. Everything read from it is bounded in size, depth, rate and time.
 * Errors: MachineError "qmp-silent", "qmp-closed", "qmp-garbled", "qmp-refused".
 */
export class QmpClient {
  readonly #name: string;
  readonly #fd: number;
  readonly #socket: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  readonly #garbledListeners: ((failure: MachineError) => void)[] = [];
  readonly #rate = new MonitorRate();
  readonly #greeting: Promise<void>;
  #greet: (() => void) | undefined;
  #failGreeting: ((error: MachineError) => void) | undefined;
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  #nextId = 1;
  #resuming = false;
  #failure: MachineError | undefined;

  /** Takes the fd over. `name` is the process's id, for messages. */
  constructor(fd: number, name: string) {
    this.#name = name;
    this.#fd = fd;
    this.#socket = new Socket({ fd });
    this.#greeting = new Promise((resolve, reject) => {
      this.#greet = resolve;
      this.#failGreeting = reject;
    });
    // Nobody may be waiting for the greeting when the socket fails.
    this.#greeting.catch(() => {});
    this.#socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    this.#socket.on("close", () => this.#fail("qmp-closed", "the monitor was closed"));
    this.#socket.on("error", (error) => this.#fail("qmp-closed", error.message));
  }

  /** Waits for QEMU's greeting and negotiates. */
  async open(deadlineMs = COMMAND_DEADLINE_MS): Promise<void> {
    const timer = setTimeout(() => this.#fail("qmp-silent", `no greeting within ${deadlineMs} ms`), deadlineMs);
    try {
      await this.#greeting;
    } finally {
      clearTimeout(timer);
    }
    await this.execute("qmp_capabilities", undefined, deadlineMs);
  }

  /**
   * Takes over a monitor that a dead client had opened. What that one left half-sent is cut off, and what QEMU had half-sent
   * to it is skipped, up to the answer to a command of ours. Resolves with the answer to query-status.
   */
  async resume(deadlineMs = COMMAND_DEADLINE_MS): Promise<unknown> {
    this.#resuming = true;
    // Answers to the dead client's commands are still to come, under its ids, which begin with 1.
    this.#nextId = randomInt(RESUMED_ID_MIN, RESUMED_ID_MAX);
    // "Forcing the JSON parser into known-good state": docs/interop/qmp-spec of QEMU.
    this.#socket.write(Buffer.from([0xff, 0x0a]));
    const status = await this.execute("query-status", undefined, deadlineMs);
    this.#resuming = false;
    return status;
  }

  /** Gives QEMU a file descriptor under a name, for a later command's `fd`. The caller keeps its own. */
  passFd(name: string, fd: number): Promise<unknown> {
    return this.#send("getfd", { fdname: name }, COMMAND_DEADLINE_MS, (line) => {
      // Past the stream: nothing else of ours is under way, for it would have been written at once.
      if (this.#socket.writableLength > 0) throw this.#error("qmp-busy", "QEMU does not read its monitor");
      addon.sendFd({ socketFd: this.#fd, data: line, fd });
    });
  }

  /** Calls the listener at each event; the result ends that. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Calls the listener, once, when what comes is not what QEMU sends: the process is not QEMU any more. */
  onGarbled(listener: (failure: MachineError) => void): void {
    if (this.#failure?.code === "qmp-garbled") listener(this.#failure);
    else this.#garbledListeners.push(listener);
  }

  /** Runs one command; resolves with its `return` value. */
  execute(command: string, args?: Arguments, deadlineMs = COMMAND_DEADLINE_MS): Promise<unknown> {
    return this.#send(command, args, deadlineMs, (line) => void this.#socket.write(line));
  }

  #send(command: string, args: Arguments | undefined, deadlineMs: number, write: (line: string) => void): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      write(`${JSON.stringify({ execute: command, ...(args === undefined ? {} : { arguments: args }), id })}\n`);
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(this.#error("qmp-silent", `no answer to ${command} within ${deadlineMs} ms`));
      }, deadlineMs);
      this.#pending.set(id, { command, resolve, reject, timer });
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #error(code: string, answer: string): MachineError {
    return new MachineError({ code, tried: `Cannot talk to the monitor of "${this.#name}"`, subject: this.#name, answer });
  }

  #fail(code: string, answer: string): void {
    if (this.#failure !== undefined) return;
    const failure = this.#error(code, answer);
    this.#failure = failure;
    if (code === "qmp-garbled") for (const listener of this.#garbledListeners) listener(failure);
    this.#failGreeting?.(failure);
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(failure);
    }
    this.#pending.clear();
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    this.#rate.count(0, performance.now());
    this.#split(chunk);
  }

  #split(chunk: Buffer): void {
    let rest = chunk;
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      const line = Buffer.concat([...this.#chunks, rest.subarray(0, end)]);
      this.#chunks = [];
      this.#bufferedBytes = 0;
      rest = rest.subarray(end + 1);
      this.#handleLine(line.toString("utf8"));
      // What follows garbage is from a peer that is not believed any more.
      if (this.#failure !== undefined || this.#restsBefore(rest)) return;
    }
    if (rest.length > 0) this.#chunks.push(rest);
    this.#bufferedBytes += rest.length;
    if (this.#bufferedBytes > LINE_BYTES_MAX) this.#fail("qmp-garbled", `a line longer than ${LINE_BYTES_MAX} bytes`);
    else this.#restsBefore(Buffer.alloc(0));
  }

  /** Whether this second had its share: then what has come is taken up later, and no more is read until then. */
  #restsBefore(rest: Buffer): boolean {
    const restMs = this.#rate.restMs(performance.now());
    if (restMs === 0) return false;
    if (this.#rate.isFlood) {
      this.#fail("qmp-garbled", FLOOD);
      return true;
    }
    this.#socket.pause();
    const goOn = (): void => {
      this.#socket.resume();
      this.#split(rest);
    };
    setTimeout(goOn, restMs).unref();
    return true;
  }

  #handleLine(line: string): void {
    const isEmpty = line.trim() === "";
    const message = isEmpty ? "" : parseMessage(line);
    const wasAskedFor = typeof message !== "string" && this.#dispatch(message);
    if (!wasAskedFor) this.#rate.count(line.length, performance.now());
    // While it resumes: the rest of a line that the dead client had begun to read.
    if (typeof message === "string" && !isEmpty && !this.#resuming) this.#fail("qmp-garbled", message);
  }

  /** Returns whether the message answers a command. */
  #dispatch(message: Record<string, unknown>): boolean {
    if ("QMP" in message) {
      this.#greet?.();
      return false;
    }
    if (typeof message["event"] === "string") {
      const data = isObject(message["data"]) ? message["data"] : {};
      for (const listener of this.#listeners) listener({ event: message["event"], data });
      return false;
    }
    const pending = this.#pending.get(message["id"] as number);
    if (pending === undefined) return false;
    this.#pending.delete(message["id"] as number);
    clearTimeout(pending.timer);
    if ("return" in message) pending.resolve(message["return"]);
    else pending.reject(this.#error("qmp-refused", `${pending.command}: ${describeRefusal(message["error"])}`));
    return true;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
