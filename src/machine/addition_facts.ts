import { rmSync } from "node:fs";
import type { ProgramInventory } from "../host/index.js";
import type { LaunchPlan, MonitorCommand } from "../plan/index.js";
import { type RecordedProcess, readJson, writeJson } from "../state/index.js";
import type { RecordedSpec } from "../verify/index.js";

/** What whoever asked for a device is told. */
export interface AdditionReport {
  readonly id: string;
  readonly pid: number;
  /** What a person should know of the device; null for most. */
  readonly warning: string | null;
}

/**
 * What `bulkhead device add` leaves for the supervisor beside the open files of a device process that it started: the VM with
 * the device, and what identifies the process.
 */
export interface AdditionFacts {
  readonly plan: LaunchPlan;
  readonly spec: RecordedSpec;
  readonly inventory: ProgramInventory;
  /** `dev:ino` of the process's fds and of the VMM's new one, by process and fd number. */
  readonly inodes: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly join: MonitorCommand;
  readonly process: RecordedProcess;
}

const NAME = "addition.json";

/** In the VM's run directory, where only root writes. */
export function leaveAdditionFacts(directory: string, facts: AdditionFacts): void {
  writeJson(`${directory}/${NAME}`, facts);
}

export function takeAdditionFacts(directory: string): AdditionFacts {
  const facts = readJson(`${directory}/${NAME}`) as AdditionFacts | null;
  rmSync(`${directory}/${NAME}`, { force: true });
  if (facts === null) throw new Error(`${directory} holds no ${NAME}`);
  return facts;
}
