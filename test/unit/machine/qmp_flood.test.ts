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

test("answers that were asked for are no flood, however many", async () => {
  await monitor.open();
  for (let round = 0; round < 3; round += 1) {
    const answers = Array.from({ length: 1500 }, () => monitor.client.execute("one"));
    const commands = [];
    for (let index = 0; index < answers.length; index += 1) commands.push(await monitor.nextCommand());
    monitor.send(...commands.map(({ id }) => ({ return: "x".repeat(100), id })));
    await Promise.all(answers);
  }
});

test.run();
