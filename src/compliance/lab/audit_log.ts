import { execFile } from "node:child_process";
import { closeSync, constants, openSync, readSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { HostError } from "../../errors/index.js";
import { type Denial, parseDenial } from "./denial.js";

/** A record of /dev/kmsg: at most 8 KiB with its dictionary. CONSOLE_EXT_LOG_MAX: kernel/printk/internal.h. */
const RECORD_BYTES = 8192;
/** AUDIT_LOGIN: include/uapi/linux/audit.h. Written when a process sets its login uid. */
const LOGIN_RECORD = /audit: type=1006 .*?\bpid=(\d+) /;
/** Words by which the audit subsystem says that records are missing: kernel/audit.c, audit_log_lost. */
const LOST_RECORDS = /audit: (?:audit_lost=[1-9]|backlog limit exceeded|rate limit exceeded|kauditd hold queue overflow)/;
/** Longest wait for a marker to pass through the kernel's queue, in ms. */
const MARK_TIMEOUT_MS = 10_000;
const POLL_MS = 5;

/**
 * Runs `work` and returns every SELinux denial that the kernel logged meanwhile, whoever caused it. For use in the lab, where the
 * log is unlimited and nobody else reads audit records. Records pass a queue of the kernel: a marker sent through the same
 * queue, before and after, tells when all are there. Throws HostError "lab-audit-lost" when the kernel dropped records and
 * "lab-audit-silent" when the marker does not come, as on a system with an audit daemon.
 */
export async function recordDenials<T>(work: () => Promise<T>): Promise<{ result: T; denials: readonly Denial[] }> {
  const log = openSync("/dev/kmsg", constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    await readToMark(log, await sendMark());
    const result = await work();
    const lines = await readToMark(log, await sendMark());
    const denials = lines.map(parseDenial).filter((denial) => denial !== null);
    return { result, denials };
  } finally {
    closeSync(log);
  }
}

/** A short-lived process sets its own login uid, which the kernel audits with its pid. Root may: CAP_AUDIT_CONTROL. */
async function sendMark(): Promise<number> {
  const { stdout } = await promisify(execFile)("sh", ["-c", "echo $$ && echo 0 >/proc/self/loginuid"]);
  return Number(stdout);
}

/** All messages from where `log` stands up to the marker of process `pid`. */
async function readToMark(log: number, pid: number): Promise<string[]> {
  const lines: string[] = [];
  const deadlineMs = performance.now() + MARK_TIMEOUT_MS;
  for (;;) {
    const line = readRecord(log);
    if (line === null) {
      if (performance.now() > deadlineMs) throw auditFailure("lab-audit-silent", `no marker within ${MARK_TIMEOUT_MS / 1000} s`);
      await delay(POLL_MS);
      continue;
    }
    if (LOST_RECORDS.test(line)) throw auditFailure("lab-audit-lost", line);
    if (Number(LOGIN_RECORD.exec(line)?.[1]) === pid) return lines;
    lines.push(line);
  }
}

/** One message without its header, or null at the end. A read gives one record: Documentation/ABI/testing/dev-kmsg. */
function readRecord(log: number): string | null {
  const buffer = Buffer.alloc(RECORD_BYTES);
  try {
    const bytes = readSync(log, buffer);
    const text = buffer.toString("utf8", 0, bytes);
    return text.slice(text.indexOf(";") + 1).split("\n")[0] ?? "";
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EAGAIN") return null;
    if (code === "EPIPE") throw auditFailure("lab-audit-lost", "the kernel's log overwrote records before they were read");
    throw error;
  }
}

function auditFailure(code: string, answer: string): HostError {
  return new HostError({ code, tried: "Cannot tell which accesses SELinux denied", subject: "/dev/kmsg", answer });
}
