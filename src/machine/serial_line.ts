import { Socket } from "node:net";
import { type SerialLineSpec, VMM_ID } from "../spec/index.js";
import type { Feed } from "./feed.js";
import type { FileRequest, OpenedFile } from "./image.js";
import { type ConsoleSink, connectSerial, type StreamSink } from "./serial_console.js";

/** Open for as long as the line is. */
type LineFile = Pick<OpenedFile, "fd">;

/** The far end of a serial port that a device process emulates, open. */
export type SerialLine =
  | { readonly kind: "file"; readonly log: LineFile }
  | { readonly kind: "pipe"; readonly input: LineFile; readonly output: LineFile };

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
export function joinLine(fileOf: (end: LineEnd["end"]) => LineFile | undefined): SerialLine | null {
  const [log, input, output] = [fileOf("log"), fileOf("in"), fileOf("out")];
  if (log !== undefined) return { kind: "file", log };
  return input === undefined || output === undefined ? null : { kind: "pipe", input, output };
}

/** What the VM file says that serial consoles and lines lead to, open. */
export interface SerialFiles {
  readonly serialLog: LineFile | null;
  /** By device id, of those that are serial ports. */
  readonly serialLines: ReadonlyMap<string, SerialLine>;
}

export function filesOfLine(line: SerialLine): readonly LineFile[] {
  return line.kind === "file" ? [line.log] : [line.input, line.output];
}

/** By names that say whose line it is and which end: `vmm/line-log`, `com0/line-in`. */
export function fdsOfLines({ serialLog, serialLines }: SerialFiles): Map<string, number> {
  const fds = new Map<string, number>();
  if (serialLog !== null) fds.set(nameOfLine(VMM_ID, "log"), serialLog.fd);
  for (const [id, line] of serialLines) {
    if (line.kind === "file") fds.set(nameOfLine(id, "log"), line.log.fd);
    else fds.set(nameOfLine(id, "in"), line.input.fd).set(nameOfLine(id, "out"), line.output.fd);
  }
  return fds;
}

/** Takes the lines of these processes out of open files by their names. */
export function takeLines(fds: Map<string, number>, ids: readonly string[]): SerialFiles {
  const fileOf = (id: string, end: LineEnd["end"]): LineFile | undefined => {
    const fd = fds.get(nameOfLine(id, end));
    fds.delete(nameOfLine(id, end));
    return fd === undefined ? undefined : { fd };
  };
  const serialLines = ids.flatMap((id) => {
    const line = id === VMM_ID ? null : joinLine((end) => fileOf(id, end));
    return line === null ? [] : [[id, line] as const];
  });
  return { serialLog: fileOf(VMM_ID, "log") ?? null, serialLines: new Map(serialLines) };
}

/** Names of all ends that a line of this process can have. */
export function namesOfLine(id: string): string[] {
  return (["log", "in", "out"] as const).map((end) => nameOfLine(id, end));
}

function nameOfLine(id: string, end: LineEnd["end"]): string {
  return `${id}/line-${end}`;
}

/**
 * Connects the launcher's end of a process's serial socket: to the line of a serial port, else to the console, which those who
 * follow the VM see too. `stdio`: where the console goes when it has no file; null: to them alone. Returns the files that it
 * took over.
 */
export function connectSerialEnd(
  end: { readonly id: string; readonly fd: number },
  { serialLog, serialLines }: SerialFiles,
  onward: { readonly stdio: StreamSink | null; readonly feed: Feed },
): readonly LineFile[] {
  const line = serialLines.get(end.id);
  if (line !== undefined) {
    connectLine(end.fd, line);
    return filesOfLine(line);
  }
  if (end.id !== VMM_ID) throw new Error(`the serial port of ${end.id} leads nowhere`);
  const sink: ConsoleSink | null = serialLog === null ? onward.stdio : { kind: "file", fd: serialLog.fd };
  connectSerial(end.fd, sink, (bytes) => onward.feed.publish({ kind: "console", bytes }));
  return serialLog === null ? [] : [serialLog];
}

/** Carries bytes between the device's serial socket and its line, both of which it takes over. */
function connectLine(fd: number, line: SerialLine): void {
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
