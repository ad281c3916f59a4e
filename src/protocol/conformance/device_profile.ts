import { ENGINE_IDS, ENGINE_REGISTERS } from "./engine_device.js";
import type { VmmDriver } from "./vmm_driver.js";

/** A copy within guest memory that a device is to make. */
export interface Copy {
  readonly from: number;
  readonly to: number;
  readonly lengthBytes: number;
}

/** The registers of a device behind one of its BARs, placed and open. */
export interface RegisterWindow {
  readonly vmm: VmmDriver;
  read(offset: number, size: number): Promise<bigint>;
  write(offset: number, size: number, value: bigint): Promise<void>;
}

/** How to make a device that is known do what every device can: keep a value, reach guest memory, interrupt. */
export interface DeviceProfile {
  readonly name: string;
  /** Vendor in the low half, device in the high: the register at 00h. */
  readonly ids: number;
  /** The BAR of its registers, in memory. */
  readonly bar: number;
  /** A register that keeps what is written to any byte of it, and that a reset clears. */
  readonly scratch: { readonly offset: number; readonly widthBytes: number };
  /** Whether it tells that a copy reached for memory that is not there, or that it is no bus master. */
  readonly refusesCopies: boolean;
  /** Copies and raises its interrupt. False: it says that it could not. */
  copy(window: RegisterWindow, copy: Copy): Promise<boolean>;
  /** Lowers its interrupt. */
  acknowledge(window: RegisterWindow): Promise<void>;
}

/** Source, destination, length, control and status of a DMA engine of ours; in its status, 1: done, 2: failed. */
interface EngineRegisters {
  readonly source: number;
  readonly destination: number;
  readonly length: number;
  readonly control: number;
  readonly status: number;
}

const DONE = 1n;
const DONE_AND_FAILED = 3n;

function engine(registers: EngineRegisters): Pick<DeviceProfile, "copy" | "acknowledge"> {
  return {
    copy: async (window, { from, to, lengthBytes }) => {
      await window.write(registers.source, 8, BigInt(from));
      await window.write(registers.destination, 8, BigInt(to));
      await window.write(registers.length, 4, BigInt(lengthBytes));
      await window.write(registers.control, 4, 1n);
      return (await window.read(registers.status, 4)) === DONE;
    },
    acknowledge: (window) => window.write(registers.status, 4, DONE_AND_FAILED),
  };
}

/** native/reference_device/device.h. */
const REFERENCE_DEVICE: DeviceProfile = {
  name: "the reference device",
  ids: 0xb0d0_1234,
  bar: 0,
  scratch: { offset: 0x08, widthBytes: 8 },
  refusesCopies: true,
  ...engine(ENGINE_REGISTERS),
};

const ENGINE: DeviceProfile = {
  name: "the suite's own device",
  ids: ENGINE_IDS.deviceId * 0x1_0000 + ENGINE_IDS.vendorId,
  bar: 0,
  scratch: { offset: ENGINE_REGISTERS.scratch, widthBytes: 8 },
  refusesCopies: true,
  ...engine(ENGINE_REGISTERS),
};

/** examples/dma_engine. */
const DMA_ENGINE: DeviceProfile = {
  name: "the example's DMA engine",
  ids: 0x1100_1af4,
  bar: 0,
  scratch: { offset: 0x00, widthBytes: 8 },
  refusesCopies: true,
  ...engine({ source: 0x00, destination: 0x08, length: 0x10, control: 0x14, status: 0x18 }),
};

/** Registers of an lsi53c895a in its memory window, BAR 1: LSI53C895A technical manual, chapter 4. */
const LSI = { dstat: 0x0c, istat0: 0x14, dsp: 0x2c, scratchA: 0x34, dien: 0x39 };
/** "Script interrupt instruction received", in DSTAT and DIEN; "DMA interrupt pending", in ISTAT0. */
const SCRIPT_INTERRUPT = 0x04n;
const DMA_PENDING = 0x01n;
/** SCRIPTS instructions: technical manual, chapter 5. */
const MEMORY_MOVE = 0xc000_0000;
const INTERRUPT = 0x9808_0000;
/** Where its program is put: below everything that an exchange copies. */
const PROGRAM = 0x2000;

const LSI53C895A: DeviceProfile = {
  name: "QEMU's lsi53c895a",
  ids: 0x0012_1000,
  bar: 1,
  scratch: { offset: LSI.scratchA, widthBytes: 4 },
  refusesCopies: false,
  copy: async (window, { from, to, lengthBytes }) => {
    await window.vmm.writeMemory(PROGRAM, wordsOf([(MEMORY_MOVE | lengthBytes) >>> 0, from, to, INTERRUPT, 0]));
    await window.write(LSI.dien, 1, SCRIPT_INTERRUPT);
    // The program has ended before this write is answered.
    await window.write(LSI.dsp, 4, BigInt(PROGRAM));
    return ((await window.read(LSI.istat0, 1)) & DMA_PENDING) !== 0n;
  },
  // Reading the status lowers the line.
  acknowledge: async (window) => void (await window.read(LSI.dstat, 1)),
};

function wordsOf(words: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * words.length);
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word, 4 * index);
  return bytes;
}

const PROFILES = [REFERENCE_DEVICE, ENGINE, DMA_ENGINE, LSI53C895A];

/** Of the device whose register at 00h this is; null: none is known. */
export function profileOf(ids: number): DeviceProfile | null {
  return PROFILES.find((profile) => profile.ids === ids) ?? null;
}
