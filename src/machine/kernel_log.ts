import { closeSync, constants, openSync, readSync } from "node:fs";
import { addon } from "../kernel/index.js";

/** A fault that the kernel answered with a signal: show_signal() of arch/x86/kernel/traps.c, show_signal_msg() of arch/x86/mm/fault.c. */
export interface RecordedFault {
  /** `general protection fault`, or `segfault at 10`. */
  readonly what: string;
  /** Name of the mapped file in which it happened, and the offset in that file; null where the kernel does not tell. */
  readonly file: string | null;
  readonly offset: number | null;
}

/** Larger than any record: CONSOLE_EXT_LOG_MAX is 8192 (kernel/printk/internal.h), MAX_AUDIT_MESSAGE_LENGTH 8970 (linux/audit.h). */
const RECORD_BYTES_MAX = 16 * 1024;
/** Records kept; each is of one process that died. */
const KEPT_MAX = 256;
/** The audit socket holds some 300 records; emptied this often, those of busy neighbours do not crowd ours out. In ms. */
const DRAIN_INTERVAL_MS = 10_000;

/** What seccomp wrote of a call that it killed for: audit_seccomp() of kernel/auditsc.c. */
const REFUSED_CALL = /audit\([\d.:]+\):.* pid=(\d+) .*sig=31 .*syscall=(\d+)/;
/** `traps: qemu-system-x86[12] general protection fault ip:7f sp:7f error:0 in libc.so.6[98829,7f+155000]` */
const FAULT = /\S\[(\d+)\]:? (general protection fault|segfault at [0-9a-f]+|trap [a-z ]+?) ip[ :][0-9a-f]+/;
/** Stamp of a record of /dev/kmsg in us: `PRIORITY,SEQUENCE,STAMP,FLAGS;TEXT`, Documentation/ABI/testing/dev-kmsg. */
const KMSG_STAMP = /^\d+,\d+,(\d+),/;
/** The file, the offset in it (Linux 6.4 and later), and where it is mapped. */
const FAULT_PLACE = / in ([^[\s]+)\[([0-9a-f]+),[0-9a-f]+\+[0-9a-f]+\]/;

/**
 * Why processes die, in the kernel's words. A parent learns of a death no more than its signal: which call a filter refused
 * stands in the audit log alone, which a running auditd takes away from the kernel's log, and a busy host cuts short there. So both are read, opened while
 * the launcher may, and each may be missing.
 */
export class KernelLog {
  readonly #sources: readonly number[];
  readonly #timer: NodeJS.Timeout;
  readonly #calls = new Map<number, Stamped<number>>();
  readonly #faults = new Map<number, Stamped<RecordedFault>>();
  #closed = false;

  /** The socket of the audit log, for whoever supervises later; null where there is none. Closed with this. */
  readonly auditFd: number | null;

  /** `auditFd`: that of a supervisor that died, which is taken over. What came in meanwhile is still in it. */
  constructor(auditFd: number | null = null) {
    this.auditFd = auditFd ?? openIfPermitted(openAudit)[0] ?? null;
    this.#sources = [...openIfPermitted(openKernelMessages), ...(this.auditFd === null ? [] : [this.auditFd])];
    this.#timer = setInterval(() => this.#drain(), DRAIN_INTERVAL_MS).unref();
  }

  /**
   * Number of the call for which seccomp killed this process; null when no record of it is there yet. `sinceUs`: older
   * records, by the log's clock, are of another process with this pid.
   */
  refusedCall(pid: number, sinceUs = 0): number | null {
    this.#drain();
    return latest(this.#calls.get(pid), sinceUs);
  }

  /** The fault that killed this process; null when no record of it is there. `sinceUs`: as above. */
  fault(pid: number, sinceUs = 0): RecordedFault | null {
    this.#drain();
    return latest(this.#faults.get(pid), sinceUs);
  }

  /** A second call does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    for (const fd of this.#sources) closeSync(fd);
  }

  #drain(): void {
    if (this.#closed) return;
    for (const fd of this.#sources) for (const text of readRecords(fd)) this.#take(text);
  }

  #take(text: string): void {
    // Records of the audit socket have none: they are of now, and so of a process that was there when it was opened.
    const stampUs = Number(KMSG_STAMP.exec(text)?.[1] ?? Infinity);
    const call = REFUSED_CALL.exec(text);
    if (call !== null) keep(this.#calls, Number(call[1]), { stampUs, record: Number(call[2]) });
    const fault = parseFault(text);
    if (fault !== null) keep(this.#faults, fault.pid, { stampUs, record: fault });
  }
}

interface Stamped<Found> {
  readonly stampUs: number;
  readonly record: Found;
}

function latest<Found>(found: Stamped<Found> | undefined, sinceUs: number): Found | null {
  return found === undefined || found.stampUs < sinceUs ? null : found.record;
}

/** Exported for its test: lines of several kernels. */
export function parseFault(text: string): (RecordedFault & { readonly pid: number }) | null {
  const match = FAULT.exec(text);
  if (match === null) return null;
  const place = FAULT_PLACE.exec(text);
  const offset = place === null ? null : Number.parseInt(place[2] ?? "", 16);
  return { pid: Number(match[1]), what: match[2] ?? "", file: place?.[1] ?? null, offset };
}

/** The latest record of a pid counts, as pids are used again. */
function keep<Value>(records: Map<number, Value>, pid: number, value: Value): void {
  records.delete(pid);
  records.set(pid, value);
  const [oldest] = records.keys();
  if (records.size > KEPT_MAX && oldest !== undefined) records.delete(oldest);
}

function openKernelMessages(): number {
  return openSync("/dev/kmsg", constants.O_RDONLY | constants.O_NONBLOCK);
}

function openAudit(): number {
  return addon.openAuditRecords();
}

/** A container without the device, a host without audit: the cause of a death is then told without its details. */
function openIfPermitted(open: () => number): number[] {
  try {
    return [open()];
  } catch {
    return [];
  }
}

function* readRecords(fd: number): Generator<string> {
  const buffer = Buffer.alloc(RECORD_BYTES_MAX);
  for (;;) {
    try {
      const got = readSync(fd, buffer);
      if (got === 0) return;
      yield buffer.toString("latin1", 0, got);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // EPIPE (kmsg) and ENOBUFS (netlink): records were overwritten before they were read; the next read goes on.
      if (code !== "EPIPE" && code !== "ENOBUFS") return;
    }
  }
}
