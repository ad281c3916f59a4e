import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { GuestReport } from "../../src/compliance/lab/index.js";
import { findRun, openDirectories } from "../../src/index.js";
import { isRunning } from "../support/idle_vm.js";
import type { MachineFixture } from "../support/machine_fixture.js";
import { runBulkhead, waitUntil } from "../support/run_command.js";
import { type GuestDisks, makeDisk } from "./guest_disk.js";

/** The device that is added. The machine has an lsi53c895a of its own; this one is told from it by its place behind a bridge. */
const ADDED = "hot";
const DRIVER = "sym53c8xx";
/** Longest wait for a word of the guest, in ms: its boot, or 8 MiB of reads, on a busy machine. */
const WORD_DEADLINE_MS = 240_000;
/** A guest lets go 5 s after it is asked (pciehp's time to press the button again: drivers/pci/hotplug/pciehp_ctrl.c). */
const RELEASE_DEADLINE_MS = 90_000;
/** 8 MiB in requests of at most 512 KiB: no driver gets by with fewer. */
const INTERRUPTS_MIN = 16;

/** A VM with a free slot and a guest that awaits one device. */
export interface PluggableGuest {
  readonly vm: string;
  readonly fixture: MachineFixture;
  readonly disks: GuestDisks;
  /** What its console has said so far. */
  readonly said: () => string;
}

/**
 * Adds a disk to a running guest by command, waits until the guest has read from it, and removes it by command. Returns the
 * SHA-256 of what the guest must have read; expectHotPlug() looks for it in the guest's report.
 */
export async function plugAndUnplug({ vm, fixture, disks, said }: PluggableGuest): Promise<string> {
  const expectedRead = await makeDisk(join(fixture.directory, `${ADDED}.img`), disks);
  writeFileSync(
    join(fixture.directory, `${ADDED}.yaml`),
    `{id: ${ADDED}, role: disk, model: lsi53c895a, disk: {file: ${ADDED}.img}}\n`,
  );
  await waitUntil(() => said().includes("bulkhead: awaiting device=1"), "the guest's readiness", WORD_DEADLINE_MS);
  const added = await runBulkhead(["device", "add", vm, `${ADDED}.yaml`], fixture);
  assert.is(added.exitCode, 0, added.stderr);
  const run = findRun(openDirectories(fixture.environment), vm);
  const pid = run?.processes.find(({ id }) => id === ADDED)?.pid ?? 0;
  assert.ok(isRunning(pid));
  await waitUntil(() => said().includes("bulkhead: served"), "the guest's use of the device", WORD_DEADLINE_MS);
  const removed = await runBulkhead(["device", "remove", "--wait-ms", String(RELEASE_DEADLINE_MS), vm, ADDED], fixture);
  assert.is(removed.exitCode, 0, removed.stderr);
  assert.not.ok(isRunning(pid));
  assert.not.ok(existsSync(`/sys/fs/cgroup/bulkhead/${vm}/${ADDED}`));
  return expectedRead;
}

/** What the guest saw of plugAndUnplug(). */
export function expectHotPlug(report: GuestReport, expectedRead: string): void {
  const [address] = report.removed;
  const device = report.pci.find((candidate) => candidate.address === address);
  assert.is(device?.driver, DRIVER, `removed ${address}`);
  const name = report.disks.find(({ pci }) => pci === address)?.name;
  assert.is(report.reads.find(({ disk }) => disk === name)?.sha256, expectedRead);
  const count = report.interrupts.find(({ irq }) => irq === device?.irq)?.count ?? 0;
  assert.ok(count >= INTERRUPTS_MIN, `${DRIVER} took ${count} interrupts`);
}
