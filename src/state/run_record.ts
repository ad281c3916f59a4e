import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { StateError } from "../errors/index.js";
import { answerOf } from "../kernel/index.js";
import { bootId } from "./boot_id.js";
import type { ProcessIdentity } from "./process_identity.js";

export type RunState = "starting" | "running" | "paused" | "stopping";

export interface RecordedProcess extends ProcessIdentity {
  readonly id: string;
  readonly role: string;
  /** Number of the session it was started in. */
  readonly session: number;
}

/**
 * What is known of one VM, written before the thing it names is made: a record that names something which does not exist
 * costs nothing, a thing without a record would stay for ever.
 */
export interface RunRecord {
  readonly schemaVersion: 1;
  readonly vm: string;
  /** Records of an earlier boot name nothing that lives. */
  readonly bootId: string;
  readonly launcher: ProcessIdentity;
  readonly state: RunState;
  /** The launcher gave up what its plan does not leave it; absent or false where it keeps what it has. */
  readonly launcherConfined?: boolean;
  readonly processes: readonly RecordedProcess[];
  /** The process that holds monitors and consoles when the launcher dies; null before there is one. */
  readonly keeper: ProcessIdentity | null;
  /** Directory of the VM's cgroup; null where the host has no cgroup v2. */
  readonly cgroup: string | null;
  readonly uids: readonly number[];
  /** How long an orderly stop may take, in ms, for whoever waits for it. */
  readonly shutdownGraceMs: number;
  /** ISO 8601. */
  readonly since: string;
}

const RECORD_NAME = "record.json";

/** Replaces the record of a run directory in one step. */
export function writeRecord(directory: string, record: RunRecord): void {
  writeJson(`${directory}/${RECORD_NAME}`, record);
}

/** What stands in a run directory: nothing yet, a record, or something that no launcher wrote whole. */
export type FoundRecord = RunRecord | "damaged" | null;

export function readRecord(directory: string): FoundRecord {
  try {
    const record = readJson(`${directory}/${RECORD_NAME}`);
    if (record === null) return null;
    // A record of a version without keepers lacks the member.
    return isRecord(record) ? { ...record, keeper: record.keeper ?? null } : "damaged";
  } catch (error) {
    if (error instanceof StateError) return "damaged";
    throw error;
  }
}

/** Names no process: pids begin with 1. */
export const NOBODY: ProcessIdentity = { pid: 0, startTime: "" };

/** Stands for a damaged record: it names nothing, so that cleaning up relies on reservations and the evidence alone. */
export function recordOfDamaged(vm: string): RunRecord {
  return {
    schemaVersion: 1,
    vm,
    bootId: bootId(),
    launcher: NOBODY,
    state: "starting",
    processes: [],
    keeper: null,
    cgroup: null,
    uids: [],
    shutdownGraceMs: 0,
    since: "",
  };
}

/** Only members that code relies on; the directory is closed to everybody but the owner. */
function isRecord(value: unknown): value is RunRecord {
  const record = value as Partial<Record<keyof RunRecord, unknown>>;
  return (
    typeof value === "object" &&
    typeof record.vm === "string" &&
    typeof record.bootId === "string" &&
    isIdentity(record.launcher) &&
    typeof record.state === "string" &&
    Array.isArray(record.processes) &&
    record.processes.every(isIdentity) &&
    Array.isArray(record.uids)
  );
}

function isIdentity(value: unknown): value is ProcessIdentity {
  const identity = value as Partial<ProcessIdentity> | null | undefined;
  return typeof identity?.pid === "number" && typeof identity.startTime === "string";
}

/** Whole or not at all, also for whoever reads meanwhile. Throws StateError "state-unwritable". */
export function writeJson(path: string, value: unknown): void {
  const next = `${path}${NEXT_SUFFIX}`;
  try {
    writeFileSync(next, `${JSON.stringify(value)}\n`, { mode: 0o600 });
    renameSync(next, path);
  } catch (cause) {
    throw new StateError({
      code: "state-unwritable",
      tried: `Cannot write ${path}`,
      subject: path,
      answer: answerOf(cause),
      remedy: "Make room on its file system, and make it writable.",
      cause,
    });
  }
}

/** What a file is called until it is whole. */
export const NEXT_SUFFIX = ".next";

/** A file of ours; null when there is none. Throws StateError "state-damaged" for one that is not JSON. */
export function readJson(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new StateError({
      code: "state-damaged",
      tried: `Cannot read ${path}`,
      subject: path,
      answer: "it is not JSON",
      remedy: "Run `bulkhead gc`, which ends what a damaged record belongs to.",
      cause,
    });
  }
}
