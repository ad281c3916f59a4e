import * as assert from "uvu/assert";
import { suite } from "../support/harness.js";
import { runLabTests } from "./lab_test_run.js";

/** Three guests of half a minute each, twice that on a machine with other work, and the boot. */
const test = suite("bulkhead in the lab: Linux guests", { needs: ["root", "lab"], timeoutMs: 1_100_000 });

test("QEMU 7.2, 10 and 11: a Linux guest under nested KVM behind confined processes", async () => {
  const { exitCode, said, summary } = await runLabTests("distribution", ["test/lab/linux_guest.test.ts"]);
  assert.is(exitCode, 0, said);
  assert.is(summary, "3 passed, 0 failed, 0 skipped", said);
});

test.run();
