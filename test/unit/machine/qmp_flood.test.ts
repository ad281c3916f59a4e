import * as assert from "uvu/assert";
import type { MachineError } from "../../../src/errors/index.js";
import { suite } from "../../support/harness.js";
import { ScriptedMonitor } from "./scripted_monitor.js";

const test = suite("QMP client against a monitor that sends more than it is asked for");

let monitor: ScriptedMonitor;
test.beforeEach(() => {
  monitor = new ScriptedMonitor();
});
test.afterEach(() => monitor.close());

test("flood: unasked lines end the connection within seconds; what came before is taken up at a bounded rate", async () => {
  await monitor.open();
  const failed = new Promise<MachineError>((resolve) => monitor.client.onGarbled(resolve));
  const begin = performance.now();
  const answered = monitor.client.execute("one");
  const { id } = await monitor.nextCommand();
  monitor.write('{"event": "E"}\n'.repeat(1000));
  monitor.send({ return: "first", id });
  assert.is(await answered, "first");
  monitor.write("{}\n".repeat(8000));
  const failure = await failed;
  assert.equal([failure.code, failure.subject], ["qmp-garbled", "disk0"]);
  assert.match(failure.message, "2000 lines a second, for 3 seconds on end");
  assert.ok(performance.now() - begin > 1500, "a short burst is no flood");
  assert.is(monitor.events.length, 1000);
});

test("answers that were asked for do not count, however many", async () => {
  await monitor.open();
  const begin = performance.now();
  const answers = Array.from({ length: 2500 }, () => monitor.client.execute("one"));
  for (const _ of answers) monitor.send({ return: {}, id: (await monitor.nextCommand()).id });
  await Promise.all(answers);
  // Rested before what is beyond the bound, it would have taken the rest of a second.
  assert.ok(performance.now() - begin < 900, `${performance.now() - begin} ms`);
});

test.run();
