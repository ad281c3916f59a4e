import { SandboxError } from "../errors/index.js";
import type { LaunchPlan } from "../plan/index.js";
import { type MachineReading, type ReadingOptions, readMachine, type StartedProcess, verifyMachine } from "./verify_machine.js";

/**
 * Readings of a VM whose processes are at work, and the pause between two, in ms. QEMU's workers come and go, and one that is
 * just ending has given up its fd table; and a device process lets go of the guest memory of an earlier memory map, of which a VMM with
 * bridges makes many, some 50 ms later (call_rcu_thread(), util/rcu.c of QEMU).
 */
const READINGS_MAX = 4;
const READING_PAUSE_MS = 100;

/** As verifyMachine; throws only for a difference that several readings in a row have. */
export async function verifySettledMachine(plan: LaunchPlan, started: readonly StartedProcess[]): Promise<MachineReading> {
  for (let reading = 1; ; reading += 1) {
    try {
      return verifyMachine(plan, started);
    } catch (error) {
      if (!(error instanceof SandboxError) || reading === READINGS_MAX) throw error;
      await new Promise((resolve) => setTimeout(resolve, READING_PAUSE_MS));
    }
  }
}

/** Reads a VM until a reading finds no difference; the last of several otherwise, whose differences stay. */
export async function readSettledMachine(
  plan: LaunchPlan,
  started: readonly StartedProcess[],
  options: ReadingOptions,
): Promise<MachineReading> {
  for (let reading = 1; ; reading += 1) {
    const read = readMachine(plan, started, options);
    if (read.differences.length === 0 || reading === READINGS_MAX) return read;
    await new Promise((resolve) => setTimeout(resolve, READING_PAUSE_MS));
  }
}
