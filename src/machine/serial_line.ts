import { Socket } from "node:net";
import type { SerialLineSpec } from "../spec/index.js";
import type { FileRequest, OpenedFile } from "./image.js";
import { connectSerial } from "./serial_console.js";

/** The far end of a serial port that a device process emulates, open. */
export type SerialLine =
  | { readonly kind: "file"; readonly log: OpenedFile }
  | { readonly kind: "pipe"; readonly input: OpenedFile; readonly output: OpenedFile };

export interface LineEnd {
  readonly end: "log" | "in" | "out";
  readonly path: string;
  readonly access: FileRequest["access"];
  /** The key of the line's VM file entry that names it. */
  readonly key: "file" | "pipe";
}

/** `pipe` names two FIFOs as QEMU's own pipe backend does: PATH.in is what the guest reads, PATH.out what it writes. */
export function endsOfLine(spec: SerialLineSpec): readonly LineEnd[] {
  if (spec.kind === "file") return [{ end: "log", path: spec.file, access: "append", key: "file" }];
  return (["in", "out"] as const).map((end) => ({ end, path: `${spec.path}.${end}`, access: "fifo", key: "pipe" }));
}

/** The line that its open ends make; null while one is missing. */
export function joinLine(fileOf: (end: LineEnd["end"]) => OpenedFile | undefined): SerialLine | null {
  const [log, input, output] = [fileOf("log"), fileOf("in"), fileOf("out")];
  if (log !== undefined) return { kind: "file", log };
  return input === undefined || output === undefined ? null : { kind: "pipe", input, output };
}

export function filesOfLine(line: SerialLine): readonly OpenedFile[] {
  return line.kind === "file" ? [line.log] : [line.input, line.output];
}

/** Carries bytes between the device's serial socket and its line, both of which it takes over. */
export function connectLine(fd: number, line: SerialLine): void {
  if (line.kind === "file") {
    connectSerial(fd, { kind: "file", fd: line.log.fd });
    return;
  }
  const input = new Socket({ fd: line.input.fd, readable: true, writable: false });
  const output = new Socket({ fd: line.output.fd, readable: false, writable: true });
  const socket = connectSerial(fd, { kind: "stream", output, input: null, escape: false });
  // With back-pressure: whoever writes to the FIFO waits for the guest, and not in our memory.
  input.pipe(socket, { end: false });
  for (const pipe of [input, output]) {
    pipe.on("error", () => pipe.destroy());
    socket.on("close", () => pipe.destroy());
  }
}
