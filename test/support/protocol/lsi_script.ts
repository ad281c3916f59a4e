import type { DeviceProxy } from "../../../src/protocol/index.js";

/** Registers of an lsi53c895a in its memory window, BAR 1: LSI53C895A technical manual, chapter 4. */
const DSTAT = 0x0c;
const ISTAT0 = 0x14;
const DSP = 0x2c;
export const SCRATCH_A = 0x34;
const DIEN = 0x39;
/** "Script interrupt instruction received", in DSTAT and DIEN. */
const SIR = 0x04;
/** "DMA interrupt pending", in ISTAT0. */
const DIP = 0x01;

const COMMAND = 0x04;
const BAR_1 = 0x14;
const MEMORY_AND_MASTER = 0x6;

/** Where these tests put the window: above guest memory, below 4 GiB. */
const WINDOW = 0xfeb0_0000;

/** SCRIPTS instructions: technical manual, chapter 5. */
const MEMORY_MOVE = 0xc000_0000;
const INTERRUPT = 0x9808_0000;

/** A SCSI controller that copies guest memory and raises its interrupt: what its guest's driver would make it do. */
export class LsiScript {
  readonly #proxy: DeviceProxy;

  constructor(proxy: DeviceProxy) {
    this.#proxy = proxy;
  }

  async place(): Promise<void> {
    await this.#proxy.writeConfig({ address: BAR_1, value: WINDOW, length: 4 });
    await this.#proxy.writeConfig({ address: COMMAND, value: MEMORY_AND_MASTER, length: 2 });
    await this.write(DIEN, 1, SIR);
  }

  read(register: number, size: number): Promise<bigint> {
    return this.#proxy.readBar({ address: BigInt(WINDOW + register), size, memory: true });
  }

  write(register: number, size: number, value: number): Promise<void> {
    return this.#proxy.writeBar({ address: BigInt(WINDOW + register), size, value: BigInt(value), memory: true });
  }

  /** A program that copies, then interrupts. It is to lie in guest memory. */
  static program(copy: { readonly from: number; readonly to: number; readonly lengthBytes: number }): Buffer {
    const words = [MEMORY_MOVE | copy.lengthBytes, copy.from, copy.to, INTERRUPT, 0];
    const bytes = Buffer.alloc(4 * words.length);
    for (const [index, word] of words.entries()) bytes.writeUInt32LE(word >>> 0, 4 * index);
    return bytes;
  }

  /** Runs the program at this guest address; it ends before the answer to this write comes. */
  run(address: number): Promise<void> {
    return this.write(DSP, 4, address);
  }

  async interruptPending(): Promise<boolean> {
    return ((await this.read(ISTAT0, 1)) & BigInt(DIP)) !== 0n;
  }

  /** Reading the status lowers the line. */
  readStatus(): Promise<bigint> {
    return this.read(DSTAT, 1);
  }
}
