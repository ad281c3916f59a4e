import { closeSync } from "node:fs";
import * as assert from "uvu/assert";
import type { BulkheadError } from "../../../src/errors/index.js";
import { addon } from "../../../src/kernel/index.js";
import { type PciDevice, Remote } from "../../../src/protocol/index.js";
import { suite } from "../../support/harness.js";

const test = suite("devices that no VMM could use");

const GOOD: PciDevice = {
  ids: { vendorId: 1, deviceId: 2, classCode: 0x088000 },
  bars: [{ sizeBytes: 16, read: () => 0n, write: () => {} }],
};

/** A change of a device that could be used by nobody, and the field that is named. */
const MALFORMED: readonly (readonly [change: Partial<PciDevice>, subject: string])[] = [
  [{ ids: { vendorId: 0xffff, deviceId: 0, classCode: 0 } }, "vendorId"],
  [{ ids: { vendorId: 1, deviceId: 0x10000, classCode: 0 } }, "deviceId"],
  [{ ids: { vendorId: 1, deviceId: 0, classCode: -1 } }, "classCode"],
  [{ bars: Array.from({ length: 7 }, () => ({ sizeBytes: 16, read: () => 0n, write: () => {} })) }, "bars"],
  [{ bars: [{ sizeBytes: 24, read: () => 0n, write: () => {} }] }, "bars[0]"],
  [{ bars: [{ sizeBytes: 8, read: () => 0n, write: () => {} }] }, "bars[0]"],
  [{ bars: [{ kind: "io", sizeBytes: 512, read: () => 0n, write: () => {} }] }, "bars[0]"],
];

for (const [change, subject] of MALFORMED) {
  test(`a device with a bad ${subject} is not hosted: ${JSON.stringify(change)}`, () => {
    const [near, far] = addon.socketPair();
    const host = (): Remote => new Remote({ fd: far, device: () => ({ ...GOOD, ...change }) });
    assert.throws(host, (error: BulkheadError) => error.code === "device-malformed" && error.subject === subject);
    closeSync(near);
    closeSync(far);
  });
}

test("a good one is hosted", () => {
  const [near, far] = addon.socketPair();
  new Remote({ fd: far, device: () => GOOD }).close();
  closeSync(near);
});

test.run();
