import { ProtocolError } from "../../errors/index.js";
import { ConfigSpace } from "../remote/config_space.js";
import type { DeviceContext, PciDevice } from "../remote/device.js";
import { COMMANDS } from "../wire/command.js";
import type { RawMessage } from "./raw_peer.js";
import { bytesOf } from "./wire_message.js";

/** What a VMM under test is given: 1234h is no vendor's, and stands in for one in examples and tests, QEMU's own among them. */
export const ENGINE_IDS = { vendorId: 0x1234, deviceId: 0xb0d1, classCode: 0xff0000 } as const;

/** Registers, where the reference device has them too: native/reference_device/device.h. */
export const ENGINE_REGISTERS = {
  scratch: 0x08,
  source: 0x40,
  destination: 0x48,
  length: 0x50,
  control: 0x54,
  status: 0x58,
} as const;
const WINDOW_BYTES = 4096;
const DONE = 1;
const FAILED = 2;
/** Largest copy, in bytes: a guest must not make this process hold more. */
const LENGTH_MAX = 0x1_0000;

/** A device that keeps values, copies guest memory and interrupts. */
export function engineDevice({ memory, interrupt }: DeviceContext): PciDevice {
  const registers = Buffer.alloc(WINDOW_BYTES);
  const copy = (): number => {
    const lengthBytes = registers.readUInt32LE(ENGINE_REGISTERS.length);
    if (lengthBytes > LENGTH_MAX) return FAILED;
    try {
      const bytes = memory.read(registers.readBigUInt64LE(ENGINE_REGISTERS.source), lengthBytes);
      memory.write(registers.readBigUInt64LE(ENGINE_REGISTERS.destination), bytes);
      return DONE;
    } catch (error) {
      if (error instanceof ProtocolError) return FAILED;
      throw error;
    }
  };
  const write = (offset: number, size: number, value: bigint): void => {
    if (offset === ENGINE_REGISTERS.control) {
      registers.writeUInt32LE(copy(), ENGINE_REGISTERS.status);
      interrupt.raise();
    } else if (offset === ENGINE_REGISTERS.status) {
      registers.writeUInt32LE(0, ENGINE_REGISTERS.status);
      interrupt.lower();
    } else {
      for (let index = 0; index < size; index++) registers[offset + index] = Number((value >> BigInt(8 * index)) & 0xffn);
    }
  };
  const read = (offset: number, size: number): bigint => {
    const bytes = Buffer.alloc(8);
    registers.copy(bytes, 0, offset, offset + size);
    return bytes.readBigUInt64LE();
  };
  return { ids: ENGINE_IDS, bars: [{ sizeBytes: WINDOW_BYTES, read, write }], reset: () => void registers.fill(0) };
}

/** Answers message by message as a device does whose registers read as 0: what a VMM is told before it is lied to. */
export class PlainAnswers {
  readonly #config = new ConfigSpace({ ids: ENGINE_IDS, bars: [{ sizeBytes: WINDOW_BYTES, read: () => 0n, write: () => {} }] });

  /** The bytes of the answer; null: the message has none. */
  to({ command, payload }: RawMessage): Buffer | null {
    const name = COMMANDS[command];
    if (name === undefined) return null;
    switch (name) {
      case "config-write":
        this.#config.write(payload.readUInt32LE(0), payload.readInt32LE(8), payload.readUInt32LE(4));
        return wordValue(0n);
      case "config-read":
        return wordValue(BigInt(this.#config.read(payload.readUInt32LE(0), payload.readInt32LE(8), false)));
      case "bar-write":
      case "bar-read":
        return wordValue(0n);
      case "device-reset":
        this.#config.reset();
        return bytesOf("ret");
      case "sync-sysmem":
      case "set-irqfd":
      case "ret":
        return null;
    }
  }
}

function wordValue(value: bigint): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeBigUInt64LE(value, 0);
  return bytesOf("ret", payload);
}
