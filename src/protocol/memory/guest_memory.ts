import { ProtocolError } from "../../errors/index.js";
import type { Region } from "../wire/message.js";
import { MemoryRegion } from "./memory_region.js";
import { MemoryView } from "./memory_view.js";

/** Bytes of one access that the other side never sees half of. */
export type AccessWidth = 1 | 2 | 4 | 8;

/** The fds of the regions, in their order. */
export interface RegionFds {
  peek(index: number): number;
}

/**
 * Guest memory by guest physical address, as the last sync-sysmem described it. Every access is checked against the regions
 * that are mapped at that moment. Errors: ProtocolError "memory-outside".
 */
export class GuestMemory {
  /** By address. */
  #regions: readonly MemoryRegion[] = [];
  #generation = 0;

  /** What is mapped, by address. */
  get regions(): readonly { readonly address: bigint; readonly sizeBytes: bigint }[] {
    return this.#regions.map(({ address, sizeBytes }) => ({ address, sizeBytes }));
  }

  /** Counts the replacements: a view of an earlier one is dead. */
  get generation(): number {
    return this.#generation;
  }

  /**
   * Maps these regions in place of those before, whose views die with it. The fds, one for each region, stay the caller's. When
   * one region is refused nothing has changed. Throws as MemoryRegion does.
   */
  replace(regions: readonly Region[], fds: RegionFds): void {
    const mapped: MemoryRegion[] = [];
    try {
      for (const [index, region] of regions.entries()) mapped.push(new MemoryRegion(region, fds.peek(index)));
    } catch (error) {
      for (const { mapping } of mapped) mapping.close();
      throw error;
    }
    this.#put(mapped);
  }

  #put(mapped: MemoryRegion[]): void {
    const before = this.#regions;
    this.#regions = mapped.sort((one, other) => (one.address < other.address ? -1 : 1));
    this.#generation += 1;
    for (const { mapping } of before) mapping.close();
  }

  /** Unmaps everything. */
  clear(): void {
    this.#put([]);
  }

  /** Copies out, across regions that touch. */
  read(address: bigint, lengthBytes: number): Buffer {
    const bytes = Buffer.alloc(lengthBytes);
    for (const { region, offset, part } of this.#parts(address, bytes)) region.mapping.read({ offset, bytes: part });
    return bytes;
  }

  /** Copies in, across regions that touch. Nothing is written when a part of it would be outside. */
  write(address: bigint, bytes: Buffer): void {
    for (const { region, offset, part } of this.#parts(address, bytes)) region.mapping.write({ offset, bytes: part });
  }

  /** One load, at a multiple of its width. */
  load(address: bigint, width: AccessWidth): bigint {
    const { region, offset } = this.#one(address, width);
    return region.mapping.load({ offset, width });
  }

  /** One store, at a multiple of its width. */
  store(address: bigint, width: AccessWidth, value: bigint): void {
    const { region, offset } = this.#one(address, width);
    region.mapping.store({ offset, width, value });
  }

  /** A window that begins at offset 0 and ends with the next sync-sysmem. */
  view(address: bigint, sizeBytes: number): MemoryView {
    this.#find(address, BigInt(sizeBytes));
    return new MemoryView(this, { address, sizeBytes });
  }

  #one(address: bigint, width: AccessWidth): { region: MemoryRegion; offset: bigint } {
    const [region] = this.#find(address, BigInt(width));
    if (region === undefined || address + BigInt(width) > region.end || address % BigInt(width) !== 0n) {
      throw outside(address, BigInt(width), `it is not at a multiple of ${width} within one region`);
    }
    return { region, offset: address - region.address };
  }

  #parts(address: bigint, bytes: Buffer): { region: MemoryRegion; offset: bigint; part: Buffer }[] {
    let done = 0;
    return this.#find(address, BigInt(bytes.length)).map((region) => {
      const start = address + BigInt(done);
      const left = region.end - start;
      const rest = bytes.length - done;
      const length = left < BigInt(rest) ? Number(left) : rest;
      const part = bytes.subarray(done, done + length);
      done += length;
      return { region, offset: start - region.address, part };
    });
  }

  /** The regions that hold all of it, in order. Throws when a byte of it is in none. */
  #find(address: bigint, sizeBytes: bigint): MemoryRegion[] {
    const found: MemoryRegion[] = [];
    let next = address;
    const end = address + sizeBytes;
    for (const region of this.#regions) {
      if (next >= end) break;
      if (next < region.address || next >= region.end) continue;
      found.push(region);
      next = region.end;
    }
    if (address < 0n || sizeBytes <= 0n || next < end) {
      throw outside(address, sizeBytes, `nothing is mapped at 0x${(next < end ? next : address).toString(16)}`);
    }
    return found;
  }
}

function outside(address: bigint, sizeBytes: bigint, answer: string): ProtocolError {
  return new ProtocolError({
    code: "memory-outside",
    tried: `Cannot access ${sizeBytes} bytes of guest memory at 0x${address.toString(16)}`,
    subject: `0x${address.toString(16)}`,
    answer,
  });
}
