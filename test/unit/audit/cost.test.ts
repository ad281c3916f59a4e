import { spawnSync } from "node:child_process";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../../support/harness.js";
import { buildRoot, repositoryRoot } from "../../support/repository.js";

/** Three processes of some 0.4 s of CPU time each. */
const test = suite("cost of an audit", { timeoutMs: 30_000 });

/** What one policy file may cost once the program has started, in ms of its main thread, on a machine on which Node starts in so many. */
const LIMIT_MS = 150;
const NODE_STARTS_IN_MS = 40;
/** A busy machine slows compiled code, of which starting Node has little, by more than the start. */
const MARGIN = 1.5;
/** The least of so many runs counts: others on the machine only add to it. */
const RUNS = 2;

for (const [kind, file] of [
  ["minijail", "test/support/audit/corpus/block_device.policy"],
  ["role", "policies/roles/disk.yaml"],
] as const) {
  test(`${file}: audited in ${LIMIT_MS} ms of the main thread, on a machine on which Node starts in ${NODE_STARTS_IN_MS}`, () => {
    const ratios = Array.from({ length: RUNS }, () => {
      const program = join(buildRoot, "test/support/audit/cost_program.js");
      const { stdout, stderr } = spawnSync(process.execPath, [program, kind, join(repositoryRoot, file)], { encoding: "utf8" });
      assert.is(stderr, "");
      const { startMs, auditMs } = JSON.parse(stdout) as { startMs: number; auditMs: number };
      return auditMs / startMs;
    });
    const least = Math.min(...ratios);
    assert.ok(least < (MARGIN * LIMIT_MS) / NODE_STARTS_IN_MS, `${(least * NODE_STARTS_IN_MS).toFixed(0)} ms`);
  });
}

test.run();
