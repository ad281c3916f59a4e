import * as assert from "uvu/assert";
import { runLabTests } from "../lab_guests/lab_test_run.js";
import { suite } from "../support/harness.js";

/** Fourteen guests of a minute each, twice that on a machine with other work. */
const GUESTS_DEADLINE_MS = 1_700_000;
const test = suite("bulkhead in the lab: every kind of device", {
  needs: ["root", "lab"],
  timeoutMs: GUESTS_DEADLINE_MS + 200_000,
});

test("QEMU 7.2, 10 and 11: Linux drives disks, cards, USB and sound in processes of their own", async () => {
  const { exitCode, said, summary } = await runLabTests("distribution", ["test/lab/models.test.ts"], GUESTS_DEADLINE_MS);
  assert.is(exitCode, 0, said);
  assert.is(summary, "14 passed, 0 failed, 0 skipped", said);
});

test.run();
