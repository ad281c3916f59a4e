import { Socket } from "node:net";
import type { SerialLineSpec } from "../spec/index.js";
import type { FileRequest, OpenedFile } from "./image.js";
import { connectSerial } from "./serial_console.js";

/** The far end of a serial port that a device process emulates, open. */
export type SerialLine =
  | { readonly kind: "file"; readonly log: OpenedFile }
  | { readonly kind: "pipe"; readonly input: OpenedFile; readonly output: OpenedFile };

type Open = (path: string, access: FileRequest["access"], key: string) => OpenedFile;

/** `pipe` names two FIFOs as QEMU's own pipe backend does: PATH.in is what the guest reads, PATH.out what it writes. */
export function openSerialLine(spec: SerialLineSpec, open: Open): SerialLine {
  if (spec.kind === "file") return { kind: "file", log: open(spec.file, "append", "file") };
  const input = open(`${spec.path}.in`, "fifo", "pipe");
  return { kind: "pipe", input, output: open(`${spec.path}.out`, "fifo", "pipe") };
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
