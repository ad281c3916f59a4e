import { writeSync } from "node:fs";
import { addon } from "../kernel/index.js";
import { EVENT_PRIORITY, type MachineEvent } from "./event.js";

/** Connected sockets by path, null where nobody listens; kept, because a confined launcher makes no new ones. */
const sockets = new Map<string, number | null>();

/**
 * Sends an event to journald in its native protocol, one datagram each, with the event's members as `BULKHEAD_*` fields:
 * `journalctl BULKHEAD_VM=web1`. Never waits and never throws; what journald does not take is in the event log.
 */
export function sendToJournal(path: string, event: MachineEvent): void {
  const socket = socketOf(path);
  if (socket === null) return;
  try {
    writeSync(socket, journalEntry(event));
  } catch {
    // EAGAIN: its queue is full; ECONNREFUSED: it was ended.
  }
}

function socketOf(path: string): number | null {
  const known = sockets.get(path);
  if (known !== undefined) return known;
  const socket = connect(path);
  sockets.set(path, socket);
  return socket;
}

function connect(path: string): number | null {
  try {
    return addon.connectDatagram({ path });
  } catch {
    return null;
  }
}

/** One entry: systemd.io/JOURNAL_NATIVE_PROTOCOL. Values with a newline have their length before them. */
export function journalEntry(event: MachineEvent): Buffer {
  const members = Object.entries(event).flatMap(([name, value]): [string, string][] =>
    value === null ? [] : [[`BULKHEAD_${fieldName(name)}`, String(value)]],
  );
  const fields: [string, string][] = [
    ["MESSAGE", messageOf(event)],
    ["PRIORITY", String(EVENT_PRIORITY[event.event])],
    ["SYSLOG_IDENTIFIER", "bulkhead"],
    ...members,
  ];
  return Buffer.concat(fields.map(([name, value]) => encodeField(name, Buffer.from(value))));
}

/** Journal fields are upper case with underscores: `silentMs` becomes SILENT_MS. */
function fieldName(name: string): string {
  return name.replace(/[A-Z]/g, "_$&").toUpperCase();
}

function messageOf(event: MachineEvent): string {
  const text = "detail" in event ? `: ${event.detail}` : "message" in event ? `: ${event.message}` : "";
  return `VM ${event.vm}: ${event.event}${text}`;
}

const NEWLINE = 0x0a;

function encodeField(name: string, value: Buffer): Buffer {
  if (!value.includes(NEWLINE)) return Buffer.concat([Buffer.from(`${name}=`), value, Buffer.from("\n")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(value.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, value, Buffer.from("\n")]);
}
