import { closeSync, openSync, writeSync } from "node:fs";
import { ProtocolInputError } from "../../errors/index.js";
import { formatRecord, parseRecording, type RecordedMessage } from "../../protocol/index.js";
import { readInput } from "../seccomp/read_input.js";

/** Largest recording that is read, in bytes: half a million messages. */
const RECORDING_BYTES_MAX = 64 * 1024 * 1024;

/** Reads a recording, or standard input for `-`. Throws ProtocolInputError "recording-malformed", SeccompInputError "input-unreadable". */
export function readRecording(path: string): RecordedMessage[] {
  const { name, bytes } = readInput(path, RECORDING_BYTES_MAX);
  return parseRecording(bytes.toString("utf8"), name);
}

/** A recording that is being written, a line for each message. */
export interface RecordingFile {
  add(record: RecordedMessage): void;
  close(): void;
}

/** For its owner alone: it holds what passed, a guest's data among it. Throws ProtocolInputError "recording-unwritable". */
export function writeRecording(path: string): RecordingFile {
  const fd = attempt(path, () => openSync(path, "w", 0o600));
  return {
    add: (record) => void attempt(path, () => writeSync(fd, `${formatRecord(record)}\n`)),
    close: () => closeSync(fd),
  };
}

function attempt<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (cause) {
    throw new ProtocolInputError({
      code: "recording-unwritable",
      tried: `Cannot write ${path}`,
      subject: path,
      answer: (cause as NodeJS.ErrnoException).code ?? String(cause),
      cause,
    });
  }
}
