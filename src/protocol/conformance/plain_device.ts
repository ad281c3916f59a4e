import { ConfigSpace } from "../remote/config_space.js";
import type { PciDevice } from "../remote/device.js";
import type { RawMessage } from "./raw_peer.js";
import { bytesOf } from "./wire_message.js";

/** As little as a VMM can be given: ids that no driver takes, and one window of registers that read as 0. */
export function plainDevice(): PciDevice {
  return {
    // 1234h is no vendor's: it stands in for one in examples and tests, QEMU's own among them. FFh: a class of its own.
    ids: { vendorId: 0x1234, deviceId: 0xb0d1, classCode: 0xff0000 },
    bars: [{ sizeBytes: 4096, read: () => 0n, write: () => {} }],
  };
}

/** The plain device, answering message by message what it is given. */
export class PlainAnswers {
  readonly #config = new ConfigSpace(plainDevice());

  /** The bytes of the answer; null: the message has none. */
  to({ command, payload }: RawMessage): Buffer | null {
    switch (command) {
      case CONFIG_WRITE:
        this.#config.write(payload.readUInt32LE(0), payload.readInt32LE(8), payload.readUInt32LE(4));
        return wordValue(0n);
      case CONFIG_READ:
        return wordValue(BigInt(this.#config.read(payload.readUInt32LE(0), payload.readInt32LE(8), false)));
      case BAR_WRITE:
      case BAR_READ:
        return wordValue(0n);
      case DEVICE_RESET:
        this.#config.reset();
        return bytesOf("ret");
      default:
        return null;
    }
  }
}

/** Numbers of commands: docs/protocol.md, "Messages". */
const CONFIG_WRITE = 2;
export const CONFIG_READ = 3;
const BAR_WRITE = 4;
const BAR_READ = 5;
const DEVICE_RESET = 7;

function wordValue(value: bigint): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeBigUInt64LE(value, 0);
  return bytesOf("ret", payload);
}
