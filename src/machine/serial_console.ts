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
  /** Gets the number of bytes of each piece that was dropped because too much waited for the output's reader. */
  readonly onDropped?: (sizeBytes: number) => void;
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
  if (input !== null) forwardInput(input, socket);
  socket.on("error", () => socket.destroy());
  return socket;
}

/** While the guest does not read, whoever types or feeds the input waits, and not in our memory. */
function forwardInput(input: Readable, socket: Socket): void {
  const forward = (chunk: Buffer): void => {
    if (!socket.write(chunk)) input.pause();
  };
  // A terminal that hung up (EIO) has nothing more to say; the VM goes on.
  const ignore = (): void => {};
  input.on("data", forward).on("error", ignore);
  socket.on("drain", () => input.resume());
  socket.on("close", () => {
    // A paused standard input no longer keeps the launcher alive.
    input.off("data", forward).off("error", ignore).pause();
  });
}

function streamWriter(sink: StreamSink): (chunk: Buffer) => void {
  return (chunk) => {
    if (sink.output.writableLength > WAITING_BYTES_MAX) return sink.onDropped?.(chunk.length);
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
      open = beginAnew(fd);
      if (!open) return;
      sizeBytes = 0;
    }
    sizeBytes += chunk.length;
    output.write(chunk);
  });
  socket.on("close", () => output.end());
}

/**
 * What waits to be written follows: the file is open for appending. A device or a pipe, which cannot be cut, goes on. False: the
 * file may not be cut (append-only, sealed, a failing disk), and so has had all that it may grow to.
 */
function beginAnew(fd: number): boolean {
  try {
    ftruncateSync(fd, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EINVAL";
  }
}
