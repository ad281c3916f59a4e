import { type BulkheadError, ProtocolError } from "../../errors/index.js";
import { Channel, type ChannelOptions } from "../channel/channel.js";
import type { Frame } from "../channel/frame_reader.js";
import { REPLIES } from "../wire/command.js";
import type { BarAccess, ConfigAccess, Message, Region, Request, Strictness } from "../wire/message.js";
import { wireViolation } from "../wire/violation.js";

export interface DeviceProxyOptions {
  /** The VMM's end of the channel. The proxy closes it, unless `keepsFd`. */
  readonly fd: number;
  /** For who asks before the VMM does: the fd stays the caller's. Default false. */
  readonly keepsFd?: boolean;
  /** The device's id, for messages. */
  readonly name: string;
  /** Longest wait for each answer, in ms. Default 5000. */
  readonly deadlineMs?: number;
  /** Default "strict". */
  readonly strictness?: Strictness;
  readonly onTraffic?: ChannelOptions["onTraffic"];
}

/** Memory to share: where it lies in the guest, and its file. */
export interface SharedRegion extends Region {
  /** A sealed memfd; it stays the caller's. */
  readonly fd: number;
}

/** An access to a BAR by guest physical address or I/O port. */
export type BarPlace = Pick<BarAccess, "address" | "size" | "memory">;

interface Waiting {
  readonly request: Request;
  readonly resolve: (value: bigint) => void;
  readonly reject: (error: BulkheadError) => void;
  readonly timer: NodeJS.Timeout;
}

const DEADLINE_MS = 5000;

/** What a device answers to what it could not do; QEMU's proxy reports it as a failure too. */
const ALL_ONES = 2n ** 64n - 1n;

/**
 * The VMM's side of a channel to a device process: one request at a time, each with a deadline. A device that missed one is not
 * believed any more, since its late answer would be taken for that of the next request: the channel is closed.
 * Errors: ProtocolError "device-silent", "device-gone", "device-refused", "wire-violation", "channel-closed", "channel-full".
 */
export class DeviceProxy {
  /** Settles when the channel has ended: null when the device closed it in order, or this side did. */
  readonly ended: Promise<BulkheadError | null>;
  readonly #options: DeviceProxyOptions;
  readonly #channel: Channel;
  #waiting: Waiting | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #settleEnded: (error: BulkheadError | null) => void = () => {};
  #failure: BulkheadError | null = null;

  constructor(options: DeviceProxyOptions) {
    this.#options = options;
    this.ended = new Promise((resolve) => {
      this.#settleEnded = resolve;
    });
    this.#channel = new Channel({
      fd: options.fd,
      keepsFd: options.keepsFd,
      peer: `device "${options.name}"`,
      expects: "reply",
      strictness: options.strictness ?? "strict",
      onFrame: (frame) => this.#takeReply(frame),
      onEnd: (error) => this.#end(error),
      onTraffic: options.onTraffic,
    });
  }

  get isOpen(): boolean {
    return this.#channel.isOpen;
  }

  /** Shares this memory in place of what was shared before. The device does not answer. */
  shareMemory(regions: readonly SharedRegion[]): Promise<void> {
    const message: Request = {
      command: "sync-sysmem",
      regions: regions.map(({ address, sizeBytes, offset }) => ({ address, sizeBytes, offset })),
    };
    return this.#inTurn(async () =>
      this.#send(
        message,
        regions.map(({ fd }) => fd),
      ),
    );
  }

  /** Gives the device its interrupt: an eventfd that it raises, and one that tells it that the interrupt was taken. */
  setInterrupt(irqFd: number, resampleFd: number): Promise<void> {
    return this.#inTurn(async () => this.#send({ command: "set-irqfd" }, [irqFd, resampleFd]));
  }

  /** Reads 1, 2 or 4 bytes of configuration space. */
  async readConfig(address: number, length: number): Promise<number> {
    return Number(await this.#exchange({ command: "config-read", address, value: 0, length }));
  }

  async writeConfig(access: Omit<ConfigAccess, "command">): Promise<void> {
    await this.#exchange({ ...access, command: "config-write" });
  }

  /** Reads a BAR. All ones may be its value, or the answer to an address that nothing claims. */
  readBar(place: BarPlace): Promise<bigint> {
    return this.#exchange({ ...place, command: "bar-read", value: 0n });
  }

  async writeBar(access: Omit<BarAccess, "command">): Promise<void> {
    await this.#exchange({ ...access, command: "bar-write" });
  }

  async reset(): Promise<void> {
    await this.#exchange({ command: "device-reset" });
  }

  /** Closes the channel, which ends a device process of QEMU. Requests under way are rejected. Idempotent. */
  close(): void {
    this.#channel.close();
    this.#end(null);
  }

  /** After all that was asked before. */
  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(action);
    this.#turn = result.catch(() => {});
    return result;
  }

  #exchange(request: Request): Promise<bigint> {
    return this.#inTurn(
      () =>
        new Promise<bigint>((resolve, reject) => {
          this.#send(request, []);
          const deadlineMs = this.#options.deadlineMs ?? DEADLINE_MS;
          const timer = setTimeout(() => this.#giveUp(`no answer to ${request.command} within ${deadlineMs} ms`), deadlineMs);
          this.#waiting = { request, resolve, reject, timer };
        }),
    );
  }

  #send(message: Message, fds: readonly number[]): void {
    if (this.#failure !== null) throw this.#failure;
    this.#channel.send(message, fds);
  }

  #takeReply({ message }: Frame): void {
    const waiting = this.#waiting;
    if (waiting === null || message.command !== "ret") {
      throw wireViolation("a reply", { field: "cmd", value: "RET", rule: "answer a request" });
    }
    const value = this.#judgeValue(waiting.request, message.value);
    clearTimeout(waiting.timer);
    this.#waiting = null;
    if (value !== null) waiting.resolve(value);
    else waiting.reject(this.#error("device-refused", `${waiting.request.command} was answered with all ones`));
  }

  /** The value of a reply; null: the device refused. Throws for one of the wrong kind. */
  #judgeValue(request: Request, value: bigint | null): bigint | null {
    const empty = REPLIES[request.command as keyof typeof REPLIES] === "empty";
    if (this.#options.strictness === "lenient") {
      if (empty || value === null) return 0n;
    } else if (empty !== (value === null)) {
      const rule = `be ${empty ? 0 : 8} in the answer to ${request.command}`;
      throw wireViolation("ret", { field: "size", value: value === null ? 0 : 8, rule });
    }
    if (value === null) return 0n;
    if (value === ALL_ONES && request.command !== "bar-read") return null;
    if (this.#options.strictness !== "lenient") checkRange(request, value);
    return value;
  }

  #giveUp(answer: string): void {
    this.#channel.close();
    this.#end(this.#error("device-silent", answer));
  }

  #end(error: BulkheadError | null): void {
    if (this.#failure !== null) return;
    this.#failure = error ?? this.#error("device-gone", "the channel is closed");
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting !== null) {
      clearTimeout(waiting.timer);
      waiting.reject(this.#failure);
    }
    this.#settleEnded(error);
  }

  #error(code: string, answer: string): ProtocolError {
    const { name } = this.#options;
    return new ProtocolError({ code, tried: `Cannot use device "${name}"`, subject: name, answer });
  }
}

/** A read of so many bytes has no larger value; a write is answered with 0. */
function checkRange(request: Request, value: bigint): void {
  const bits = request.command === "config-read" ? request.length * 8 : request.command === "bar-read" ? request.size * 8 : 0;
  if (value >> BigInt(bits) === 0n || (request.command === "bar-read" && value === ALL_ONES)) return;
  throw wireViolation("ret", { field: "value", value, rule: `fit into the ${bits} bits that ${request.command} asked for` });
}
