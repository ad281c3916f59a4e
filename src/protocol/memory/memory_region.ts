import { ProtocolError } from "../../errors/index.js";
import { addon, answerOf, isSystemError, type SharedMapping } from "../../kernel/index.js";
import type { Region } from "../wire/message.js";

/** F_SEAL_SHRINK and F_SEAL_GROW: include/uapi/linux/fcntl.h, Linux 3.17. */
const SIZE_SEALS = 0x2 | 0x4;

/** One mapped region of guest memory. */
export class MemoryRegion {
  readonly address: bigint;
  readonly sizeBytes: bigint;
  readonly mapping: SharedMapping;

  /**
   * Maps it; the fd stays the caller's. Only memory whose file can neither grow nor shrink is taken: another holder of the
   * file could otherwise cut it off under the mapping, and the next access would end this process with SIGBUS.
   * Throws ProtocolError "memory-unsealed", "memory-beyond-file", "memory-refused".
   */
  constructor(region: Region, fd: number) {
    this.address = region.address;
    this.sizeBytes = region.sizeBytes;
    try {
      checkFile(region, fd);
      this.mapping = new addon.SharedMapping({ fd, offset: region.offset, sizeBytes: region.sizeBytes });
    } catch (error) {
      if (!isSystemError(error)) throw error;
      throw memoryError("memory-refused", region, answerOf(error), error);
    }
  }

  get end(): bigint {
    return this.address + this.sizeBytes;
  }
}

function checkFile(region: Region, fd: number): void {
  const file = addon.inspectMemory({ fd });
  if (!file.isPageCache) throw memoryError("memory-unsealed", region, "it is no memfd with ordinary pages");
  if ((file.seals & SIZE_SEALS) !== SIZE_SEALS) {
    throw memoryError("memory-unsealed", region, "its file is not sealed against growing and shrinking");
  }
  if (region.offset + region.sizeBytes > file.sizeBytes) {
    const end = (region.offset + region.sizeBytes).toString(16);
    throw memoryError("memory-beyond-file", region, `it ends at 0x${end} of a file of 0x${file.sizeBytes.toString(16)} bytes`);
  }
}

function memoryError(code: string, { address, sizeBytes }: Region, answer: string, cause?: unknown): ProtocolError {
  const subject = `0x${address.toString(16)}+0x${sizeBytes.toString(16)}`;
  return new ProtocolError({ code, tried: `Cannot map the guest memory ${subject}`, subject, answer, cause });
}
