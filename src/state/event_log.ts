import { appendFileSync } from "node:fs";
import type { Directories } from "./directories.js";

/** What happened, in the words that callers filter by. */
export type EventName =
  | "launch"
  | "running"
  | "launch-failed"
  | "death"
  | "intrusion"
  | "watchdog"
  | "stop"
  | "cleanup"
  | "cleanup-failed";

/** Appends one JSON line to the log that outlives the VM. A full disk must not end a VM: a failed write is dropped. */
export function logEvent(
  directories: Directories,
  event: { readonly event: EventName; readonly vm: string } & Record<string, unknown>,
): void {
  const line = `${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`;
  try {
    appendFileSync(`${directories.log}/events.jsonl`, line, { mode: 0o600 });
  } catch {
    // Said in the doc comment.
  }
}
