import { ProtocolError } from "../../errors/index.js";
import type { AccessWidth, GuestMemory } from "./guest_memory.js";

/**
 * A window of guest memory. It holds no pointer: each access goes through the table of regions, and none goes through once
 * that table has been replaced. Errors: ProtocolError "memory-unmapped", "memory-outside".
 */
export class MemoryView {
  readonly address: bigint;
  readonly sizeBytes: number;
  readonly #memory: GuestMemory;
  readonly #generation: number;

  constructor(memory: GuestMemory, window: { readonly address: bigint; readonly sizeBytes: number }) {
    this.address = window.address;
    this.sizeBytes = window.sizeBytes;
    this.#memory = memory;
    this.#generation = memory.generation;
  }

  read(offset: number, lengthBytes: number): Buffer {
    return this.#memory.read(this.#place(offset, lengthBytes), lengthBytes);
  }

  write(offset: number, bytes: Buffer): void {
    this.#memory.write(this.#place(offset, bytes.length), bytes);
  }

  load(offset: number, width: AccessWidth): bigint {
    return this.#memory.load(this.#place(offset, width), width);
  }

  store(offset: number, width: AccessWidth, value: bigint): void {
    this.#memory.store(this.#place(offset, width), width, value);
  }

  #place(offset: number, lengthBytes: number): bigint {
    if (this.#generation !== this.#memory.generation) {
      throw this.#error("memory-unmapped", "the VMM has shared its memory anew since the view was made");
    }
    if (!Number.isInteger(offset) || offset < 0 || lengthBytes < 0 || offset + lengthBytes > this.sizeBytes) {
      throw this.#error("memory-outside", `${lengthBytes} bytes at ${offset} are not within its ${this.sizeBytes}`);
    }
    return this.address + BigInt(offset);
  }

  #error(code: string, answer: string): ProtocolError {
    const subject = `0x${this.address.toString(16)}`;
    return new ProtocolError({ code, tried: `Cannot access the view of guest memory at ${subject}`, subject, answer });
  }
}
