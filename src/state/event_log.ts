import { appendFileSync } from "node:fs";
import type { Directories } from "./directories.js";

/** What happened, in the words that callers filter by. */
export type EventName =
  | "launch"
  | "running"
  | "launch-failed"
  | "adopted"
  | "device-added"
  | "device-removed"
  | "death"
  | "intrusion"
  | "stop"
  | "control-refused"
  | "cleanup"
  | "cleanup-failed";

/** One event: what, of which VM, and what is known of it. */
export type LoggedEvent = { readonly event: EventName; readonly vm: string } & Record<string, unknown>;

const watchers = new Set<(event: LoggedEvent) => void>();

/** Gets every event that this process logs, after it was written; the result ends that. */
export function watchEvents(watcher: (event: LoggedEvent) => void): () => void {
  watchers.add(watcher);
  return () => void watchers.delete(watcher);
}

/** Appends one JSON line to the log that outlives the VM. A full disk must not end a VM: a failed write is dropped. */
export function logEvent(directories: Directories, event: LoggedEvent): void {
  const dated = { time: new Date().toISOString(), ...event };
  const line = `${JSON.stringify(dated)}\n`;
  try {
    appendFileSync(`${directories.log}/events.jsonl`, line, { mode: 0o600 });
  } catch {
    // Said in the doc comment.
  }
  for (const watcher of watchers) watcher(dated);
}
