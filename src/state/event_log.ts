import { appendFileSync, closeSync, fstatSync, openSync, renameSync, statSync } from "node:fs";
import { addon } from "../kernel/index.js";
import type { Directories } from "./directories.js";
import type { MachineEvent } from "./event.js";
import { sendToJournal } from "./journal.js";

/** The log is put aside as `events.jsonl.1` when it has this many bytes: a guest that provokes events must not fill the disk. */
export const LOG_BYTES_MAX = 16 * 1024 * 1024;

/** An event with the moment at which it was logged, ISO 8601. */
export type LoggedEvent = { readonly time: string } & MachineEvent;

const watchers = new Set<(event: LoggedEvent) => void>();

/** Gets every event that this process logs, after it was written; the result ends that. */
export function watchEvents(watcher: (event: LoggedEvent) => void): () => void {
  watchers.add(watcher);
  return () => void watchers.delete(watcher);
}

/**
 * Appends one JSON line to the log that outlives the VM, tells journald where it listens, and whoever watches. A full disk or
 * a busy journal must not end a VM: what cannot be written is dropped.
 */
export function logEvent(directories: Directories, event: MachineEvent): void {
  const dated: LoggedEvent = { time: new Date().toISOString(), ...event };
  const line = `${JSON.stringify(dated)}\n`;
  try {
    append(`${directories.log}/events.jsonl`, line);
  } catch {
    // Said in the doc comment.
  }
  sendToJournal(directories.journal, event);
  for (const watcher of watchers) watcher(dated);
}

function append(path: string, line: string): void {
  const fd = openSync(path, "a", 0o600);
  try {
    appendFileSync(fd, line);
    if (fstatSync(fd).size > LOG_BYTES_MAX) putAside(path, fd);
  } finally {
    closeSync(fd);
  }
}

/** Every launcher writes to this file. Who holds its lock while it still has its name is the one to rename it. */
function putAside(path: string, fd: number): void {
  if (addon.tryLock({ fd }) && statSync(path).ino === fstatSync(fd).ino) renameSync(path, `${path}.1`);
}
