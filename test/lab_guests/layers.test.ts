import * as assert from "uvu/assert";
import { suite } from "../support/harness.js";
import { runLabTests } from "./lab_test_run.js";

const test = suite("bulkhead in the lab: every layer", { needs: ["root", "lab-core-scheduling"], timeoutMs: 1_100_000 });

test("cgroup limits and core scheduling included: every layer is enforced, and noticed when broken", async () => {
  const { exitCode, said, summary } = await runLabTests("core-scheduling", [
    "test/lab/layers.test.ts",
    "test/lab/broken_limits.test.ts",
  ]);
  assert.is(exitCode, 0, said);
  assert.is(summary, "17 passed, 0 failed, 0 skipped", said);
});

test.run();
