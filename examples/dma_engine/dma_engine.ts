import type { DeviceContext, PciDevice } from "../../src/protocol/index.js";

/** Registers, little-endian, in the memory window of BAR 0. */
const SOURCE = 0x00;
const DESTINATION = 0x08;
const LENGTH = 0x10;
const CONTROL = 0x14;
const STATUS = 0x18;
const WINDOW_BYTES = 0x20;

/** In CONTROL: begin. */
const START = 1;
/** In STATUS: the copy is done; it failed. Writing the bits back clears them and lowers the interrupt. */
const DONE = 1;
const FAILED = 2;

/** Largest copy, in bytes: a guest must not make this process hold more. */
const LENGTH_MAX = 0x1_0000;

/** A DMA engine: copies LENGTH bytes of guest memory from SOURCE to DESTINATION, then raises its interrupt. */
export function dmaEngine({ memory, interrupt }: DeviceContext): PciDevice {
  const registers = Buffer.alloc(WINDOW_BYTES);

  function copy(): number {
    const lengthBytes = registers.readUInt32LE(LENGTH);
    if (lengthBytes > LENGTH_MAX) return FAILED;
    try {
      memory.write(registers.readBigUInt64LE(DESTINATION), memory.read(registers.readBigUInt64LE(SOURCE), lengthBytes));
      return DONE;
    } catch {
      return FAILED;
    }
  }

  function write(offset: number, size: number, value: bigint): void {
    if (offset === STATUS) {
      registers.writeUInt32LE(registers.readUInt32LE(STATUS) & ~Number(value & 0xffff_ffffn), STATUS);
      if (registers.readUInt32LE(STATUS) === 0) interrupt.lower();
    } else if (offset !== CONTROL) {
      for (let index = 0; index < size; index++) registers[offset + index] = Number((value >> BigInt(8 * index)) & 0xffn);
    } else if (value === BigInt(START)) {
      registers.writeUInt32LE(copy(), STATUS);
      interrupt.raise();
    }
  }

  return {
    // 1AF4:1100 is QEMU's for devices without an id of their own; class 088000h: another system peripheral.
    ids: { vendorId: 0x1af4, deviceId: 0x1100, classCode: 0x088000, subsystemVendorId: 0x1af4, subsystemId: 0x1100 },
    bars: [{ sizeBytes: WINDOW_BYTES, read: (offset, size) => registerValue(registers.subarray(offset, offset + size)), write }],
    reset: () => registers.fill(0),
  };
}

function registerValue(bytes: Buffer): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}
