import * as assert from "uvu/assert";
import { runLabTests } from "../lab_guests/lab_test_run.js";
import { suite } from "../support/harness.js";

/** linux_guest.test.ts does the same with QEMU 10. Two guests of three minutes each on a machine with other work, and the boot. */
const test = suite("bulkhead in the lab: hot-plug", { needs: ["root", "lab"], timeoutMs: 1_100_000 });

test("QEMU 7.2 and 11: a Linux guest under nested KVM is given a device and gives it back", async () => {
  const { exitCode, said, summary } = await runLabTests("distribution", ["test/lab/hot_plug.test.ts"]);
  assert.is(exitCode, 0, said);
  assert.is(summary, "2 passed, 0 failed, 0 skipped", said);
});

test.run();
