import { bytesOf } from "./wire_message.js";

/** How a device breaks the protocol in the place of its first answer to a config-read. */
export interface VmmCase {
  readonly id: string;
  readonly what: string;
  /** What it sends. Default nothing. */
  readonly bytes?: Buffer;
  /** So many fds with it. Default 0. */
  readonly fds?: number;
  /** Whether it closes the channel then. Default false. */
  readonly closes?: boolean;
  /**
   * What the VMM must do: give the device up, which closes the channel or ends the VMM, or either that or go on. It never waits
   * for ever, nor dies of a signal.
   */
  readonly must: "gives up" | "goes on or gives up";
}

const VALUE = Buffer.alloc(8);
const ALL_ONES = Buffer.alloc(8, 0xff);

function violation(id: string, what: string, rest: Omit<VmmCase, "id" | "what" | "must">): VmmCase {
  return { id, what, must: "gives up", ...rest };
}

function tolerable(id: string, what: string, rest: Omit<VmmCase, "id" | "what" | "must">): VmmCase {
  return { id, what, must: "goes on or gives up", ...rest };
}

/** Each is played to a VMM of its own. */
export const VMM_CASES: readonly VmmCase[] = [
  tolerable("ret-refused", "all ones", { bytes: bytesOf("ret", ALL_ONES) }),
  // Whoever has sent the next request cannot tell: it takes it for the answer to that.
  tolerable("ret-twice", "two answers to one request", { bytes: Buffer.concat([bytesOf("ret", VALUE), bytesOf("ret", VALUE)]) }),
  tolerable("reply-cut", "the end within the answer", { bytes: bytesOf("ret", VALUE).subarray(0, 20), closes: true }),
  tolerable("reply-closed", "the end in the place of the answer", { closes: true }),
  violation("ret-wide", "a value of 8 bytes for 2", { bytes: bytesOf("ret", Buffer.alloc(8, 0x11)) }),
  violation("ret-empty", "a ret without a value", { bytes: bytesOf("ret") }),
  violation("ret-short", "a ret of 4 bytes", { bytes: bytesOf("ret", Buffer.alloc(4)) }),
  violation("ret-long", "a ret of 16 bytes", { bytes: bytesOf("ret", Buffer.alloc(16)) }),
  violation("ret-huge", "a ret of 2^63 bytes", { bytes: bytesOf("ret", VALUE, { size: 2n ** 63n }) }),
  violation("ret-over", "a ret of 193 bytes", { bytes: bytesOf("ret", Buffer.alloc(193)) }),
  violation("ret-fd", "a ret with an fd", { bytes: bytesOf("ret", VALUE), fds: 1 }),
  violation("ret-fds-seven", "a ret with seven fds", { bytes: bytesOf("ret", VALUE), fds: 7 }),
  violation("ret-fds-flood", "a ret with 253 fds", { bytes: bytesOf("ret", VALUE), fds: 253 }),
  violation("reply-request", "a config-read as the answer", { bytes: bytesOf("config-read", Buffer.alloc(12)) }),
  violation("reply-memory", "a sync-sysmem as the answer", { bytes: bytesOf("sync-sysmem", Buffer.alloc(192)), fds: 1 }),
  violation("reply-unknown", "command 8 as the answer", { bytes: bytesOf(8) }),
  violation("reply-negative", "command -1 as the answer", { bytes: bytesOf(-1) }),
  violation("reply-none", "no answer", {}),
];
