import * as assert from "uvu/assert";
import { MonitorRate } from "../../../src/machine/monitor_rate.js";
import { suite } from "../../support/harness.js";

const test = suite("how fast a monitor may send");

/** Counts so many lines of so many bytes within the second that begins at `fromMs`; stops where reading stops. */
function send(rate: MonitorRate, fromMs: number, lines: { readonly count: number; readonly sizeBytes: number }): void {
  for (let line = 0; line < lines.count && rate.restMs(fromMs + line / 100) === 0; line += 1) {
    rate.count(lines.sizeBytes, fromMs + line / 100);
  }
}

for (const [what, count, sizeBytes] of [
  ["many lines", 100_000, 1],
  ["large lines", 100, 1024 * 1024],
] as const) {
  test(`${what}: it rests for the rest of the second; in the third second on end it is a flood`, () => {
    const rate = new MonitorRate();
    send(rate, 0, { count, sizeBytes });
    assert.ok(rate.restMs(30) > 900 && rate.restMs(30) <= 1000);
    assert.not.ok(rate.isFlood);
    send(rate, 1000, { count, sizeBytes });
    assert.not.ok(rate.isFlood);
    send(rate, 2000, { count, sizeBytes });
    assert.ok(rate.isFlood);
  });
}

test("bursts with a quiet second between them are no flood, and neither is what QEMU sends at its fastest", () => {
  const rate = new MonitorRate();
  for (let second = 0; second < 20; second += 2) {
    send(rate, second * 1000, { count: 10_000, sizeBytes: 300 });
    send(rate, (second + 1) * 1000, { count: 10, sizeBytes: 300 });
  }
  assert.not.ok(rate.isFlood);
  for (let second = 20; second < 40; second += 1) send(rate, second * 1000, { count: 1000, sizeBytes: 300 });
  assert.is(rate.restMs(39_999), 0);
});

test.run();
