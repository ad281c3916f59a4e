import { BulkheadError, ProtocolInputError } from "../../errors/index.js";
import { HEADER_BYTES } from "../wire/command.js";
import { checkFdCount, decodeHeader, decodePayload } from "../wire/decode.js";
import { encodeUnchecked } from "../wire/encode.js";
import type { Message } from "../wire/message.js";

/** A message that passed. Which way follows from what it is: a ret comes from the device, all others from the VMM. */
export interface RecordedMessage {
  readonly message: Message;
  readonly fdCount: number;
}

/** One line of a recording, without its end: JSON with the command's name, the number of fds, and the message's bytes in hex. */
export function formatRecord({ message, fdCount }: RecordedMessage): string {
  return JSON.stringify({ command: message.command, fds: fdCount, bytes: encodeUnchecked(message).toString("hex") });
}

/** `file` is for messages. Empty lines are skipped. Throws ProtocolInputError "recording-malformed" with the line's number. */
export function parseRecording(text: string, file: string): RecordedMessage[] {
  return text.split("\n").flatMap((line, index) => (line === "" ? [] : [parseRecord(line, `${file}:${index + 1}`)]));
}

function parseRecord(line: string, place: string): RecordedMessage {
  try {
    const { command, fds, bytes } = JSON.parse(line) as Record<string, unknown>;
    if (typeof fds !== "number" || typeof bytes !== "string") throw malformed(place, "it has no fds or no bytes");
    const message = decodeRecorded(Buffer.from(bytes, "hex"), fds, place);
    if (message.command !== command) throw malformed(place, `its bytes are those of ${message.command}`);
    return { message, fdCount: fds };
  } catch (error) {
    if (error instanceof ProtocolInputError) throw error;
    throw malformed(place, error instanceof SyntaxError || error instanceof BulkheadError ? error.message : String(error), error);
  }
}

function decodeRecorded(bytes: Buffer, fdCount: number, place: string): Message {
  if (bytes.length < HEADER_BYTES) throw malformed(place, "it has no whole header");
  const expects = bytes.readInt32LE(0) === 1 ? "reply" : "request";
  const header = decodeHeader(bytes.subarray(0, HEADER_BYTES), { expects, strictness: "lenient" });
  checkFdCount(header.command, fdCount, "lenient");
  const payload = bytes.subarray(HEADER_BYTES);
  if (payload.length !== header.payloadBytes)
    throw malformed(place, `${payload.length} bytes follow a header of ${header.payloadBytes}`);
  return decodePayload(header, payload, { fdCount, strictness: "lenient" });
}

/** A message as a person reads it: `bar-write memory 0xfeb00014 4 bytes: 0x1`. */
export function describeMessage(message: Message): string {
  switch (message.command) {
    case "sync-sysmem":
      return [
        "sync-sysmem",
        ...message.regions.map(({ address, sizeBytes, offset }) => `${hex(address)}+${hex(sizeBytes)}@${hex(offset)}`),
      ].join(" ");
    case "ret":
      return message.value === null ? "ret" : `ret ${hex(message.value)}`;
    case "config-read":
      return `config-read ${hex(message.address)} ${message.length} bytes`;
    case "config-write":
      return `config-write ${hex(message.address)} ${message.length} bytes: ${hex(message.value)}`;
    case "bar-read":
      return `bar-read ${message.memory ? "memory" : "port"} ${hex(message.address)} ${message.size} bytes`;
    case "bar-write":
      return `bar-write ${message.memory ? "memory" : "port"} ${hex(message.address)} ${message.size} bytes: ${hex(message.value)}`;
    case "set-irqfd":
    case "device-reset":
      return message.command;
  }
}

function hex(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}

function malformed(place: string, answer: string, cause?: unknown): ProtocolInputError {
  return new ProtocolInputError({ code: "recording-malformed", tried: `Cannot read ${place}`, subject: place, answer, cause });
}
