import * as assert from "uvu/assert";
import { BulkheadError, IntrusionError, type LaunchRequest, launch } from "../../src/index.js";
import type { ChildStep, NativeCallGate, SpawnRequest } from "../../src/kernel/index.js";
import { readProgram, writeProgram } from "../../src/seccomp/index.js";
import { demoVmText, type MachineFixture } from "./machine_fixture.js";

export type Alter = NonNullable<LaunchRequest["alterSpawn"]>;

/** Leaves steps out of one process's list. */
export function without(...steps: ChildStep[]): Alter {
  return alterOnly("disk1", (request) => ({
    ...request,
    operations: request.operations.filter((one) => !steps.includes(one.step)),
  }));
}

/** The launcher's gate of one process believes that it has locked down what it never answered. */
export function withBlindGate(alter: Alter): Alter {
  return (process, request) => {
    const altered = alter(process, request);
    if (process === "disk1") deceive(altered, { lock: () => {}, phase: () => "attach" });
    return altered;
  };
}

/** Has the native gate of a process answer the launcher otherwise than it would. */
export function deceive({ gate }: SpawnRequest, answers: Partial<NativeCallGate>): void {
  for (const [name, value] of Object.entries(answers)) Object.defineProperty(gate, name, { value });
}

/** One process of four is enough: the others show that the right one is named. */
export function alterOnly(id: string, alter: (request: SpawnRequest) => SpawnRequest): Alter {
  return (process, request) => (process === id ? alter(request) : request);
}

/** What a launch of the demo VM says when its processes are started as `alterSpawn` wants it; afterwards nothing may be left. */
export async function failureOfBroken(fixture: MachineFixture, name: string, alterSpawn: Alter): Promise<BulkheadError> {
  const request = await fixture.request(demoVmText({ name, disks: "blank" }), { alterSpawn });
  try {
    const machine = await launch(request);
    machine.kill();
    await machine.ended;
  } catch (error) {
    if (!(error instanceof BulkheadError)) throw error;
    assert.equal(fixture.leftovers(), []);
    assert.is(error.exitCode, error instanceof IntrusionError ? 5 : 3, error.message);
    return error;
  }
  throw new Error("the launch went through");
}

/** The verification names process, layer, planned and observed. */
export function assertVerified(error: BulkheadError, layer: string): void {
  assert.is(error.code, "verification-failed");
  assert.match(error.message, new RegExp(`disk1 \\(pid \\d+\\), layer ${layer}: planned .+, observed .+`));
  assert.not.match(error.message, /disk0 \(pid/);
}

const KILL_PROCESS = 0x80000000;
const LOG = 0x7ffc0000;
const RETURN = 0x06;

/** A filter of the same length that lets everything through where the planned one kills. */
export function weaken(filter: Buffer): Buffer {
  const { instructions } = readProgram(filter);
  return writeProgram(
    instructions.map((one) => (one.code === RETURN && one.operand === KILL_PROCESS ? { ...one, operand: LOG } : one)),
  ).bytes;
}
