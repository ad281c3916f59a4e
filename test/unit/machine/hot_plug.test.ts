import * as assert from "uvu/assert";
import type { MachineError } from "../../../src/errors/index.js";
import type { Handover } from "../../../src/machine/handover.js";
import { HotPlug } from "../../../src/machine/hot_plug.js";
import type { Supervision } from "../../../src/machine/supervision.js";
import { suite } from "../../support/harness.js";

const test = suite("taking a device away", { timeoutMs: 5000 });

const LONG_MS = 3_600_000;

/** A VM with one added device, whose guest does nothing; `execute` is what its VMM does with a command. */
function play(execute: () => Promise<unknown>): { hotPlug: HotPlug; listeners: Set<unknown>; end: () => void } {
  const listeners = new Set<unknown>();
  let end = (): void => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const onEvent = (listener: unknown) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  };
  const machine = { plan: { vm: "web1", processes: [{ id: "disk7", hotPlugSlot: 0 }] }, ended };
  const supervision = { machine, processes: new Map([["vmm", { monitor: { onEvent, execute } }]]) };
  return { hotPlug: new HotPlug(supervision as unknown as Supervision, {} as Handover), listeners, end };
}

const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;

for (const [what, execute, act, code] of [
  ["the VMM refuses", () => Promise.reject(new Error("no")), () => {}, undefined],
  ["the VM ends", () => Promise.resolve({}), (end: () => void) => end(), "vm-ended"],
] as const) {
  test(`${what}: it is told at once, and neither a timer nor a listener stays`, async () => {
    const { hotPlug, listeners, end } = play(execute);
    const before = timers();
    const removed = hotPlug.remove("disk7", LONG_MS).catch((error: unknown) => error as MachineError);
    act(end);
    assert.is(((await removed) as MachineError).code, code);
    assert.equal([timers(), listeners.size], [before, 1]);
  });
}

test.run();
