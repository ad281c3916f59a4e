import { spawnSync } from "node:child_process";
import * as assert from "uvu/assert";
import { ACT_PROGRAM } from "../lab/selinux_act.js";
import { runLabTests } from "../lab_guests/lab_test_run.js";
import { suite } from "../support/harness.js";
import { repositoryRoot } from "../support/repository.js";

/** Two launches of a minute each on a busy machine, and the boot. */
const test = suite("bulkhead in the lab: SELinux", { needs: ["root", "lab"], timeoutMs: 1_100_000 });

test("every layer is enforced, nothing is denied in a clean launch, and each attack is refused as the policy says", async () => {
  const source = `${repositoryRoot}/test/support/victim/selinux_act.c`;
  const { status, stderr } = spawnSync("gcc", ["-static", "-O1", "-o", ACT_PROGRAM, source], { encoding: "utf8" });
  assert.is(status, 0, stderr);
  const { exitCode, said, summary } = await runLabTests("distribution", [
    "test/lab/selinux.test.ts",
    "test/lab/selinux_launcher.test.ts",
    "test/lab/selinux_failures.test.ts",
  ]);
  assert.is(exitCode, 0, said);
  assert.is(summary, "46 passed, 0 failed, 0 skipped", said);
});

test.run();
