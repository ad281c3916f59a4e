import type { PartialMachine } from "../../machine/index.js";
import { type PciDevice, Remote } from "../../protocol/index.js";
import { perform } from "./perform.js";
import type { Puppet } from "./puppet.js";

/** A request for the vendor id, as the wire has it: docs/protocol.md. Command 3, 12 bytes: address 0, value 0, length 2. */
const READ_VENDOR = "hex:03000000000000000c0000000000000000000000000000000200000000000000";
const REQUEST_BYTES = 28n;
const REPLY_BYTES = 24n;
/** Longest wait for the answer, in ms, as the process counts it. */
const POLL_MS = 2000n;

/** A card without a register: PCI Local Bus Specification 3.0, appendix D: FFh fits no other class. */
const QUIET_CARD: PciDevice = {
  ids: { vendorId: 0x1234, deviceId: 0xb0d0, classCode: 0xff_0000, subsystemVendorId: 0x1234, subsystemId: 0xb0d0, revision: 1 },
  bars: [],
};

/** A VMM's ordinary work: it asks its device, which the suite plays, and hears the answer. */
export class VmmTraffic {
  readonly #puppet: Puppet;
  readonly #channelFd: bigint;
  readonly #remotes: readonly Remote[];

  private constructor(puppet: Puppet, channelFd: number, remotes: readonly Remote[]) {
    this.#puppet = puppet;
    this.#channelFd = BigInt(channelFd);
    this.#remotes = remotes;
  }

  static begin(machine: PartialMachine, puppet: Puppet): VmmTraffic {
    const remotes = [...machine.channels.values()].map((fd) => new Remote({ fd, device: () => QUIET_CARD }));
    const channel = machine.plan.processes.at(-1)?.fds.find(({ source }) => source.from === "channel");
    if (channel === undefined) throw new Error("the plan gives its VMM no channel");
    return new VmmTraffic(puppet, channel.fd, remotes);
  }

  /** What it did not do; null when it did. Throws when it does not answer. */
  async check(): Promise<string | null> {
    const call = (name: string, args: readonly (bigint | string)[]) =>
      ({ kind: "call", call: name, args, repeat: 1, as: null }) as const;
    const room = `room:${REPLY_BYTES}`;
    const done = await perform(
      this.#puppet,
      [
        call("write", [this.#channelFd, READ_VENDOR, REQUEST_BYTES]),
        call("poll", [readable(this.#channelFd), 1n, POLL_MS]),
        call("read", [this.#channelFd, room, REPLY_BYTES]),
      ],
      new Map(),
    );
    if (done.kind !== "done") return `it does not reach its device: ${done.kind} at step ${done.step}`;
    return done.answers[2] === REPLY_BYTES ? null : `its device's answer has ${done.answers[2]} bytes`;
  }

  close(): void {
    for (const remote of this.#remotes) remote.close();
  }
}

/** struct pollfd that waits for POLLIN (1): poll(2). */
function readable(fd: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeInt32LE(Number(fd));
  bytes.writeInt16LE(1, 4);
  return `hex:${bytes.toString("hex")}`;
}
