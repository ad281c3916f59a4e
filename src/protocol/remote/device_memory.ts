import { ProtocolError } from "../../errors/index.js";
import type { AccessWidth, GuestMemory } from "../memory/guest_memory.js";

/**
 * Guest memory as a device reaches it: only while the guest lets it be a bus master, and only where the VMM has shared memory at
 * that moment. Errors: ProtocolError "dma-disabled", "memory-outside".
 */
export class DeviceMemory {
  readonly #memory: GuestMemory;
  readonly #isBusMaster: () => boolean;

  constructor(memory: GuestMemory, isBusMaster: () => boolean) {
    this.#memory = memory;
    this.#isBusMaster = isBusMaster;
  }

  read(address: bigint, lengthBytes: number): Buffer {
    return this.#reachable(address).read(address, lengthBytes);
  }

  /** Nothing is written when a part of it would be outside. */
  write(address: bigint, bytes: Buffer): void {
    this.#reachable(address).write(address, bytes);
  }

  /** One access, at a multiple of its width. */
  load(address: bigint, width: AccessWidth): bigint {
    return this.#reachable(address).load(address, width);
  }

  store(address: bigint, width: AccessWidth, value: bigint): void {
    this.#reachable(address).store(address, width, value);
  }

  #reachable(address: bigint): GuestMemory {
    if (this.#isBusMaster()) return this.#memory;
    const subject = `0x${address.toString(16)}`;
    throw new ProtocolError({
      code: "dma-disabled",
      tried: `Cannot access guest memory at ${subject}`,
      subject,
      answer: "the guest has not made the device a bus master",
    });
  }
}
