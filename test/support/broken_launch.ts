import * as assert from "uvu/assert";
import { BulkheadError, IntrusionError, type LaunchRequest, launch } from "../../src/index.js";
import type { ChildStep, SpawnRequest } from "../../src/kernel/index.js";
import { demoVmText, type MachineFixture } from "./machine_fixture.js";

export type Alter = NonNullable<LaunchRequest["alterSpawn"]>;

/** Leaves steps out of one process's list. */
export function without(...steps: ChildStep[]): Alter {
  return alterOnly("disk1", (request) => ({
    ...request,
    operations: request.operations.filter((one) => !steps.includes(one.step)),
  }));
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
