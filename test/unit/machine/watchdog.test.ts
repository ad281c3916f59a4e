import * as assert from "uvu/assert";
import { actOnExpiry, onExpiry } from "../../../src/machine/watchdog.js";
import type { WatchdogAction } from "../../../src/spec/index.js";
import { suite } from "../../support/harness.js";
import { ScriptedMonitor } from "./scripted_monitor.js";

const test = suite("what the launcher does when a watchdog expires", { timeoutMs: 5_000 });

const EXPIRY = { event: "WATCHDOG", data: { action: "none" }, timestamp: { seconds: 1, microseconds: 0 } };

test("a flood of expiries from a process that was taken over: acted upon once a second", async () => {
  const monitor = new ScriptedMonitor();
  await monitor.open();
  let acted = 0;
  onExpiry(monitor.client, () => {
    acted += 1;
  });
  monitor.send({ ...EXPIRY, event: "RESET" }, EXPIRY, EXPIRY, EXPIRY);
  while (monitor.events.length < 4) await new Promise((resolve) => setImmediate(resolve));
  assert.is(acted, 1);
  monitor.close();
});

async function act(action: WatchdogAction, running: boolean): Promise<{ commands: string[]; took: string; detail: string }> {
  const vmm = new ScriptedMonitor();
  await vmm.open();
  const commands: string[] = [];
  const outcome = actOnExpiry(vmm.client, action);
  const play = async (): Promise<void> => {
    for (;;) {
      const { execute, id } = await vmm.nextCommand();
      commands.push(execute);
      vmm.send({ return: execute === "query-status" ? { running, status: running ? "running" : "paused" } : {}, id });
    }
  };
  play().catch(() => {});
  const { action: took, detail } = await outcome;
  vmm.close();
  return { commands, took, detail };
}

for (const [action, command] of [
  ["reset", "system_reset"],
  ["pause", "stop"],
] as const) {
  test(`${action}: the VMM is asked to ${command}`, async () => {
    const { commands, took } = await act(action, true);
    assert.equal(commands, ["query-status", command]);
    assert.is(took, action);
  });
}

for (const action of ["stop", "none"] as const) {
  test(`${action}: nothing is asked of the VMM but whether it runs`, async () => {
    const { commands, took } = await act(action, true);
    assert.equal(commands, ["query-status"]);
    assert.is(took, action);
  });
}

test("a VM that is paused: its watchdog's clock went on, and nothing is done", async () => {
  const { commands, took, detail } = await act("stop", false);
  assert.equal(commands, ["query-status"]);
  assert.is(took, "none");
  assert.match(detail, "while the VM does not run");
});

test("a VMM whose monitor is closed: nothing is done, and why is told", async () => {
  const vmm = new ScriptedMonitor();
  await vmm.open();
  const outcome = actOnExpiry(vmm.client, "reset");
  vmm.close();
  const { action, detail } = await outcome;
  assert.is(action, "none");
  assert.match(detail, "the VMM cannot be told");
});

test.run();
