import { readFileSync, renameSync, writeFileSync } from "node:fs";
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
  /** The launcher gave up what its plan does not leave it; absent where a program of somebody else's launched the VM. */
  readonly launcherConfined?: true;
  readonly processes: readonly RecordedProcess[];
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

/** The record of a run directory; null when there is none yet. */
export function readRecord(directory: string): RunRecord | null {
  return readJson(`${directory}/${RECORD_NAME}`) as RunRecord | null;
}

export function writeJson(path: string, value: unknown): void {
  const next = `${path}.next`;
  writeFileSync(next, `${JSON.stringify(value)}\n`, { mode: 0o600 });
  renameSync(next, path);
}

export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as unknown;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
