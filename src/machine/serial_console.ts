import { createWriteStream, fstatSync, ftruncateSync } from "node:fs";
import { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";
import { escapeControls } from "../text/index.js";
import { limitReadRate } from "./read_rate.js";

/** Bytes that may wait for a slow reader before output is dropped: a guest must never wait for a terminal. */
const WAITING_BYTES_MAX = 1024 * 1024;
/** Largest serial log, in bytes, what earlier runs left in it included; then it begins anew, so that the latest output is there. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;
/** Most that is read of the console in a second, in bytes; beyond, the serial port of the guest waits. */
const BYTES_PER_SECOND_MAX = 4 * 1024 * 1024;

/** Where the guest's serial console goes. */
export type ConsoleSink = StreamSink | { readonly kind: "file"; readonly fd: number };

export interface StreamSink {
  readonly kind: "stream";
  readonly output: Writable;
  readonly input: Readable | null;
  /** Show control characters instead of sending them: for a person's terminal. */
  readonly escape: boolean;
}

/**
 * Carries bytes between a process's serial socket and a sink, both ways, until the process closes its end; `onOutput` sees
 * what the guest writes as well. Without a sink they are dropped: QEMU closes its own end of a console whose peer is gone,
 * and then is not what its plan says.
 */
export function connectSerial(fd: number, sink: ConsoleSink | null, onOutput: (chunk: Buffer) => void = () => {}): Socket {
  const socket = new Socket({ fd });
  socket.on("data", onOutput);
  if (sink?.kind === "file") writeToFile(socket, sink.fd);
  if (sink?.kind === "stream") socket.on("data", streamWriter(sink));
  limitReadRate(socket, BYTES_PER_SECOND_MAX, () => {});
  const input = sink?.kind === "stream" ? sink.input : null;
  const forward = (chunk: Buffer): void => void socket.write(chunk);
  input?.on("data", forward);
  // A terminal that hung up (EIO) has nothing more to say; the VM goes on.
  input?.on("error", () => {});
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    input?.off("data", forward);
    // A paused standard input no longer keeps the launcher alive.
    input?.pause();
  });
  return socket;
}

function streamWriter(sink: StreamSink): (chunk: Buffer) => void {
  return (chunk) => {
    if (sink.output.writableLength > WAITING_BYTES_MAX) return;
    sink.output.write(sink.escape ? escapeControls(chunk.toString("latin1")) : chunk);
  };
}

/** Takes the file over, and closes it when the process has closed its end: until then nobody else may write it. */
function writeToFile(socket: Socket, fd: number): void {
  const output = createWriteStream("", { fd });
  let sizeBytes = fstatSync(fd).size;
  let open = true;
  // A full disk (ENOSPC) ends the log, not the VM.
  output.on("error", () => {
    open = false;
  });
  socket.on("data", (chunk: Buffer) => {
    if (!open || output.writableLength > WAITING_BYTES_MAX) return;
    if (sizeBytes + chunk.length > FILE_BYTES_MAX) {
      beginAnew(fd);
      sizeBytes = 0;
    }
    sizeBytes += chunk.length;
    output.write(chunk);
  });
  socket.on("close", () => output.end());
}

/** What waits to be written follows: the file is open for appending. A device or a pipe, which cannot be cut, goes on. */
function beginAnew(fd: number): void {
  try {
    ftruncateSync(fd, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EINVAL") throw error;
  }
}
