import { isUtf8 } from "node:buffer";
import { constants, type Stats } from "node:fs";
import { type FileHandle, open, readlink } from "node:fs/promises";
import { SpecError } from "../errors/index.js";
import { type Problem, printable } from "../text/index.js";
import { invalidFile } from "./problem.js";

/** Largest VM or host file, in bytes. */
export const FILE_SIZE_MAX_BYTES = 1024 * 1024;

/** O_PATH: include/uapi/asm-generic/fcntl.h. To open a device for real would already act on it: /dev/watchdog starts. */
const O_PATH = 0o10000000;

export interface ReadText {
  /** The file as the user named it. */
  readonly file: string;
  /** Begins the message when the file cannot be read. */
  readonly title: "VM file" | "device file" | "host file" | "control file";
  /** Called with what fstat says of the opened file and where it lies, before anything is read; throws to refuse it. */
  readonly inspect?: (stats: Stats, realPath: string) => void;
}

/**
 * Reads a regular file that is opened once, of at most 1 MiB of UTF-8; a byte order mark is dropped.
 * Throws SpecError "spec-unreadable" with the cause, or "spec-invalid" for what the bytes are.
 */
export async function readFileText(request: ReadText): Promise<string> {
  const { file } = request;
  let path: FileHandle | undefined;
  let handle: FileHandle | undefined;
  try {
    path = await open(file, O_PATH);
    const stats = await path.stat();
    if (!stats.isFile()) throw wordUnreadable(request, "it is not a regular file");
    // Non-blocking: some files of /proc are regular by their mode and wait for what is never written.
    handle = await open(`/proc/self/fd/${path.fd}`, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    request.inspect?.(stats, await readlink(`/proc/self/fd/${path.fd}`));
    return decodeText(file, await readBounded(handle));
  } catch (error) {
    if (error instanceof SpecError) throw error;
    throw wordUnreadable(request, wordReadFailure(error), error);
  } finally {
    await handle?.close();
    await path?.close();
  }
}

function wordReadFailure(error: unknown): string {
  return `open or read failed (${(error as NodeJS.ErrnoException).code ?? String(error)})`;
}

function wordUnreadable({ file, title }: ReadText, answer: string, cause?: unknown): SpecError {
  const tried = `Cannot read the ${title} "${printable(file)}"`;
  const remedy = title === "VM file" ? "Name a readable regular file, or - for standard input." : "Name a readable regular file.";
  return new SpecError({ code: "spec-unreadable", tried, subject: file, answer, remedy, cause });
}

/** Reads standard input to its end, under the same limits and with the same errors. */
export async function readStandardInputText(input: AsyncIterable<Uint8Array> = process.stdin): Promise<string> {
  try {
    return decodeText("-", await readChunks(input));
  } catch (error) {
    if (error instanceof SpecError) throw error;
    throw wordUnreadable({ file: "-", title: "VM file" }, wordReadFailure(error), error);
  }
}

async function readChunks(input: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of input) {
    chunks.push(chunk);
    sizeBytes += chunk.length;
    // One chunk past the limit is enough to know; decodeText refuses it.
    if (sizeBytes > FILE_SIZE_MAX_BYTES) break;
  }
  return Buffer.concat(chunks);
}

/** Up to one byte more than is allowed, so that a file that grows while it is read is refused and not cut. */
async function readBounded(handle: FileHandle): Promise<Buffer> {
  const buffer = Buffer.alloc(FILE_SIZE_MAX_BYTES + 1);
  let lengthBytes = 0;
  while (lengthBytes < buffer.length) {
    const { bytesRead } = await handle.read(buffer, lengthBytes, buffer.length - lengthBytes, lengthBytes);
    if (bytesRead === 0) break;
    lengthBytes += bytesRead;
  }
  return buffer.subarray(0, lengthBytes);
}

function decodeText(file: string, bytes: Buffer): string {
  if (bytes.length > FILE_SIZE_MAX_BYTES) throw invalidFile(file, "", [tooLarge()]);
  const text = bytes.toString("utf8");
  if (!isUtf8(bytes)) {
    const wrong = Buffer.from(text, "utf8").findIndex((byte, index) => byte !== bytes[index]);
    const before = bytes.subarray(0, wrong).toString("utf8");
    const message = "this byte is not UTF-8; save the file as UTF-8 text";
    throw invalidFile(file, text, [{ offset: before.length, message }]);
  }
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}

function tooLarge(): Problem {
  return { offset: 0, message: `larger than ${FILE_SIZE_MAX_BYTES} bytes (1 MiB), the most that is read; shorten the file` };
}

/** What makes a text no text of ours before it is parsed: its size, or a character that YAML 1.2 (5.1) does not allow. */
export function findForbiddenText(text: string): Problem | undefined {
  if (Buffer.byteLength(text, "utf8") > FILE_SIZE_MAX_BYTES) return tooLarge();
  const offset = text.search(/[^\P{Cc}\t\n\r]|[\p{Cs}\ufffe\uffff]/u);
  if (offset < 0) return undefined;
  const name = `U+${(text.codePointAt(offset) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
  return {
    offset,
    message: `the character ${name} cannot stand in a text file; is this a binary file? Write it as an escape in double quotes`,
  };
}
