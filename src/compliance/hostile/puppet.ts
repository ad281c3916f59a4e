import { BulkheadError } from "../../errors/index.js";
import type { QmpClient } from "../../machine/index.js";
import type { DeviceProxy } from "../../protocol/index.js";

/** The registers of a hostile process: native/hostile_device/acts.h. Fails with the errors of what carries them. */
export interface Puppet {
  write(place: number, bytes: Buffer): Promise<void>;
  read(place: number, sizeBytes: number): Promise<Buffer>;
}

/** Where the compliance suite puts BAR 1, as a VMM would: an address of 32 bits above all memory that it shares. */
export const ACTS_WINDOW = 0xfeb1_0000;

const REGISTER_BYTES = 8;

/** A device process, told through its BAR. */
export class BarPuppet implements Puppet {
  readonly #proxy: DeviceProxy;

  constructor(proxy: DeviceProxy) {
    this.#proxy = proxy;
  }

  async write(place: number, bytes: Buffer): Promise<void> {
    for (let offset = 0; offset < bytes.length; ) {
      const size = widthAt(bytes.length - offset);
      const value = readNumber(bytes.subarray(offset, offset + size));
      await this.#proxy.writeBar({ address: BigInt(ACTS_WINDOW + place + offset), value, size, memory: true });
      offset += size;
    }
  }

  async read(place: number, sizeBytes: number): Promise<Buffer> {
    const bytes = Buffer.alloc(sizeBytes);
    for (let offset = 0; offset < sizeBytes; ) {
      const size = widthAt(sizeBytes - offset);
      const value = await this.#proxy.readBar({ address: BigInt(ACTS_WINDOW + place + offset), size, memory: true });
      for (let index = 0; index < size; index++) bytes[offset + index] = Number((value >> BigInt(8 * index)) & 0xffn);
      offset += size;
    }
    return bytes;
  }
}

/** The process in the VMM's place, told by its monitor. */
export class MonitorPuppet implements Puppet {
  readonly #monitor: QmpClient;
  readonly #deadlineMs: number;

  constructor(monitor: QmpClient, deadlineMs: number) {
    this.#monitor = monitor;
    this.#deadlineMs = deadlineMs;
  }

  async write(place: number, bytes: Buffer): Promise<void> {
    await this.#monitor.execute("x-act-write", { place, bytes: bytes.toString("hex") }, this.#deadlineMs);
  }

  async read(place: number, sizeBytes: number): Promise<Buffer> {
    return Buffer.from(String(await this.#monitor.execute("x-act-read", { place, size: sizeBytes }, this.#deadlineMs)), "hex");
  }
}

/** Whether a puppet's failure says that its process has gone, that it is silent, or neither. */
export function judgeFailure(error: unknown): "gone" | "silent" | null {
  if (!(error instanceof BulkheadError)) return null;
  if (["device-gone", "qmp-closed"].includes(error.code)) return "gone";
  return ["device-silent", "qmp-silent"].includes(error.code) ? "silent" : null;
}

function widthAt(leftBytes: number): number {
  return [REGISTER_BYTES, 4, 2].find((width) => width <= leftBytes) ?? 1;
}

function readNumber(bytes: Buffer): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}
