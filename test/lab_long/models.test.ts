import * as assert from "uvu/assert";
import { runLabTests } from "../lab_guests/lab_test_run.js";
import { suite } from "../support/harness.js";

/** Nine guests of half a minute each, and the boot. */
const test = suite("bulkhead in the lab: every kind of device", { needs: ["root", "lab"], timeoutMs: 1_100_000 });

test("QEMU 7.2, 10 and 11: Linux drives disks, cards, USB and sound in processes of their own", async () => {
  const { exitCode, said, summary } = await runLabTests("distribution", ["test/lab/models.test.ts"]);
  assert.is(exitCode, 0, said);
  assert.is(summary, "9 passed, 0 failed, 0 skipped", said);
});

test.run();
