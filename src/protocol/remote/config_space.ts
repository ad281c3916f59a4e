import { CONFIG_BYTES } from "../wire/command.js";
import type { BarWindow, PciDevice } from "./device.js";

/** Offsets and bits: PCI Local Bus Specification 3.0, 6.1 and 6.2. */
const VENDOR_ID = 0x00;
const DEVICE_ID = 0x02;
const COMMAND = 0x04;
const STATUS = 0x06;
const REVISION = 0x08;
const PROGRAMMING_INTERFACE = 0x09;
const CLASS_CODE = 0x0a;
const CACHE_LINE_SIZE = 0x0c;
const LATENCY_TIMER = 0x0d;
const BASE_ADDRESS_0 = 0x10;
const SUBSYSTEM_VENDOR_ID = 0x2c;
const SUBSYSTEM_ID = 0x2e;
const INTERRUPT_LINE = 0x3c;
const INTERRUPT_PIN = 0x3d;
const COMMAND_IO = 0x0001;
const COMMAND_MEMORY = 0x0002;
const COMMAND_BUS_MASTER = 0x0004;
const COMMAND_INTX_DISABLE = 0x0400;
/** The three above, parity error response (bit 6), SERR# enable (bit 8) and INTx disable. */
const COMMAND_WRITABLE = COMMAND_IO | COMMAND_MEMORY | COMMAND_BUS_MASTER | 0x0040 | 0x0100 | COMMAND_INTX_DISABLE;
const STATUS_INTERRUPT = 0x08;
const INTA = 1;
const BAR_IO = 0x1;
const BAR_IO_MASK = 0xffff_fffc;
const BAR_MEMORY_MASK = 0xffff_fff0;

/** Where a BAR answers. */
export interface Decoded {
  readonly bar: BarWindow;
  readonly offset: number;
}

/** Configuration space of one device with INTA and no capabilities, and the BAR decoding that it controls. */
export class ConfigSpace {
  readonly #device: PciDevice;
  readonly #bytes = Buffer.alloc(CONFIG_BYTES);
  readonly #writable = Buffer.alloc(CONFIG_BYTES);

  constructor(device: PciDevice) {
    this.#device = device;
    this.#writable.writeUInt16LE(COMMAND_WRITABLE, COMMAND);
    for (const register of [CACHE_LINE_SIZE, LATENCY_TIMER, INTERRUPT_LINE]) this.#writable.writeUInt8(0xff, register);
    for (const [index, bar] of device.bars.entries()) this.#writable.writeUInt32LE(addressMask(bar), BASE_ADDRESS_0 + 4 * index);
    this.reset();
  }

  reset(): void {
    const { ids, bars } = this.#device;
    this.#bytes.fill(0);
    this.#bytes.writeUInt16LE(ids.vendorId, VENDOR_ID);
    this.#bytes.writeUInt16LE(ids.deviceId, DEVICE_ID);
    this.#bytes.writeUInt8(ids.revision ?? 0, REVISION);
    this.#bytes.writeUInt8(ids.classCode & 0xff, PROGRAMMING_INTERFACE);
    this.#bytes.writeUInt16LE(ids.classCode >>> 8, CLASS_CODE);
    this.#bytes.writeUInt16LE(ids.subsystemVendorId ?? 0, SUBSYSTEM_VENDOR_ID);
    this.#bytes.writeUInt16LE(ids.subsystemId ?? 0, SUBSYSTEM_ID);
    this.#bytes.writeUInt8(INTA, INTERRUPT_PIN);
    for (const [index, bar] of bars.entries()) {
      this.#bytes.writeUInt32LE(bar.kind === "io" ? BAR_IO : 0, BASE_ADDRESS_0 + 4 * index);
    }
  }

  /** `level`: of the interrupt line, which the status register shows. */
  read(address: number, length: number, level: boolean): number {
    this.#bytes.writeUInt8(level ? STATUS_INTERRUPT : 0, STATUS);
    return this.#bytes.readUIntLE(address, length);
  }

  /** Changes what can be written, byte by byte. */
  write(address: number, length: number, value: number): void {
    for (let index = 0; index < length; index++) {
      const place = address + index;
      const mask = this.#writable.readUInt8(place);
      const written = (value >>> (8 * index)) & mask;
      this.#bytes.writeUInt8((this.#bytes.readUInt8(place) & ~mask) | written, place);
    }
  }

  /** Whether the device may reach guest memory. */
  get busMaster(): boolean {
    return (this.#command & COMMAND_BUS_MASTER) !== 0;
  }

  get interruptDisabled(): boolean {
    return (this.#command & COMMAND_INTX_DISABLE) !== 0;
  }

  /** The BAR that claims all bytes of an access; null: none does. */
  decode(access: { readonly address: bigint; readonly size: number; readonly memory: boolean }): Decoded | null {
    if ((this.#command & (access.memory ? COMMAND_MEMORY : COMMAND_IO)) === 0) return null;
    for (const [index, bar] of this.#device.bars.entries()) {
      if ((bar.kind === "io") === access.memory) continue;
      const base = this.#bytes.readUInt32LE(BASE_ADDRESS_0 + 4 * index) & addressMask(bar);
      const offset = access.address - BigInt(base >>> 0);
      // A BAR that nobody has placed yet lies at 0, where it claims nothing.
      if (base === 0 || offset < 0n || offset + BigInt(access.size) > BigInt(bar.sizeBytes)) continue;
      return { bar, offset: Number(offset) };
    }
    return null;
  }

  get #command(): number {
    return this.#bytes.readUInt16LE(COMMAND);
  }
}

/** The bits that hold a BAR's address: those above its size. */
function addressMask(bar: BarWindow): number {
  return (~(bar.sizeBytes - 1) & (bar.kind === "io" ? BAR_IO_MASK : BAR_MEMORY_MASK)) >>> 0;
}
