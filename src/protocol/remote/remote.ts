import { fstatSync, writeSync } from "node:fs";
import { type BulkheadError, ProtocolError } from "../../errors/index.js";
import { answerOf } from "../../kernel/index.js";
import { Channel, type ChannelOptions } from "../channel/channel.js";
import type { Frame } from "../channel/frame_reader.js";
import type { ReceivedFds } from "../channel/received_fds.js";
import { GuestMemory } from "../memory/guest_memory.js";
import { CONFIG_BYTES } from "../wire/command.js";
import type { BarAccess, ConfigAccess, Strictness } from "../wire/message.js";
import { wireViolation } from "../wire/violation.js";
import { checkDevice } from "./check_device.js";
import { ConfigSpace } from "./config_space.js";
import type { DeviceContext, PciDevice } from "./device.js";
import { DeviceMemory } from "./device_memory.js";
import { InterruptLine } from "./interrupt_line.js";

export interface RemoteOptions {
  /** The device's end of the channel. The remote closes it. */
  readonly fd: number;
  /** Makes the device of what it acts on. */
  readonly device: (context: DeviceContext) => PciDevice;
  /** Default "strict". */
  readonly strictness?: Strictness;
  /** Told of DMA that the device asked for and did not get, when the device did not see to it itself. */
  readonly onFault?: (error: ProtocolError) => void;
  readonly onTraffic?: ChannelOptions["onTraffic"];
}

/** S_IFMT: inode(7). Files without a place in a file system show no type there. */
const FILE_TYPE = 0o170000;
/** What an eventfd takes without any effect, and no other file of that kind: eventfd(2). */
const NOTHING_ADDED = Buffer.alloc(8);

/** The answer to what could not be done, and to a read that nothing claims. */
const ALL_ONES = 2n ** 64n - 1n;

/**
 * Hosts one PCI device for a VMM: configuration space, BAR decoding, INTx and guest memory are done here, the device's registers
 * by the device. A violation of the protocol ends the channel; whatever a guest can do through a VMM does not.
 */
export class Remote {
  /** Settles when the channel has ended: null when the VMM closed it in order, or this side did. */
  readonly ended: Promise<BulkheadError | null>;
  readonly #device: PciDevice;
  readonly #config: ConfigSpace;
  readonly #memory = new GuestMemory();
  readonly #interrupt = new InterruptLine();
  readonly #channel: Channel;

  readonly #onFault: (error: ProtocolError) => void;
  #settleEnded: (error: BulkheadError | null) => void = () => {};

  /** Throws ProtocolError "device-malformed". */
  constructor(options: RemoteOptions) {
    const memory = new DeviceMemory(this.#memory, () => this.#config.busMaster);
    this.#device = options.device({ memory, interrupt: this.#interrupt });
    checkDevice(this.#device);
    this.#config = new ConfigSpace(this.#device);
    this.#onFault = options.onFault ?? (() => {});
    this.ended = new Promise((resolve) => {
      this.#settleEnded = resolve;
    });
    this.#channel = new Channel({
      fd: options.fd,
      peer: "the VMM",
      expects: "request",
      strictness: options.strictness ?? "strict",
      onFrame: (frame) => this.#serve(frame),
      onEnd: (error) => this.#end(error),
      onTraffic: options.onTraffic,
    });
  }

  /** Ends it from this side. Idempotent. */
  close(): void {
    this.#channel.close();
    this.#end(null);
  }

  #serve({ message, fds }: Frame): void {
    switch (message.command) {
      case "sync-sysmem":
        this.#memory.replace(message.regions, fds);
        return;
      case "set-irqfd":
        this.#bindInterrupt(fds);
        return;
      case "config-read":
      case "config-write":
        this.#answer(this.#accessConfig(message));
        return;
      case "bar-read":
      case "bar-write":
        this.#answer(this.#accessBar(message));
        return;
      case "device-reset":
        this.#reset();
        this.#answer(null);
        return;
      case "ret":
        throw wireViolation("ret", { field: "cmd", value: "RET", rule: "be a request" });
    }
  }

  #answer(value: bigint | null): void {
    this.#channel.send({ command: "ret", value });
  }

  /** Only a lenient channel lets through what is not within configuration space, or not 1, 2 or 4 bytes. */
  #accessConfig({ command, address, length, value }: ConfigAccess): bigint {
    if (![1, 2, 4].includes(length) || address + length > CONFIG_BYTES) return ALL_ONES;
    if (command === "config-read") return BigInt(this.#config.read(address, length, this.#interrupt.level));
    this.#config.write(address, length, value);
    this.#interrupt.mask(this.#config.interruptDisabled);
    return 0n;
  }

  #accessBar(access: BarAccess): bigint {
    // Only a lenient channel lets other sizes through, for which QEMU has this answer.
    if (![1, 2, 4, 8].includes(access.size)) return ALL_ONES;
    const decoded = this.#config.decode(access);
    // Nobody on a bus claims it: a read sees all ones, a write is lost. A guest may try that at any time.
    if (decoded === null) return access.command === "bar-read" ? ones(access.size) : 0n;
    const { bar, offset } = decoded;
    try {
      if (access.command === "bar-read") return BigInt.asUintN(access.size * 8, bar.read(offset, access.size));
      bar.write(offset, access.size, BigInt.asUintN(access.size * 8, access.value));
      return 0n;
    } catch (error) {
      // A guest's driver can make a device reach for any address.
      if (!(error instanceof ProtocolError)) throw error;
      this.#onFault(error);
      return access.command === "bar-read" ? ones(access.size) : 0n;
    }
  }

  #bindInterrupt(fds: ReceivedFds): void {
    for (const [index, name] of ["irqfd", "resamplefd"].entries()) {
      const why = findEventfdFault(fds.peek(index));
      if (why !== null) throw wireViolation("set-irqfd", { field: name, value: why, rule: "be an eventfd" });
    }
    this.#interrupt.bind(fds.take(0), fds.take(1));
  }

  #reset(): void {
    this.#interrupt.lower();
    this.#config.reset();
    this.#interrupt.mask(this.#config.interruptDisabled);
    this.#device.reset?.();
  }

  #end(error: BulkheadError | null): void {
    this.#interrupt.unbind();
    this.#memory.clear();
    this.#settleEnded(error);
  }
}

/** By the calls of a process that has no /proc. What of another kind was given, in words; null for an eventfd. */
function findEventfdFault(fd: number): string | null {
  const { mode } = fstatSync(fd);
  if ((mode & FILE_TYPE) !== 0) return `a file of mode ${mode.toString(8)}`;
  try {
    return writeSync(fd, NOTHING_ADDED) === NOTHING_ADDED.length ? null : "a file that takes less than a number";
  } catch (cause) {
    return `a file that takes no number (${answerOf(cause)})`;
  }
}

function ones(size: number): bigint {
  return BigInt.asUintN(size * 8, ALL_ONES);
}
