import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../support/harness.js";
import { EVERY_LAYER } from "../support/layer_reports.js";
import { buildRoot, repositoryRoot } from "../support/repository.js";
import { STATES_FOLDER } from "../support/run_identity.js";

/** Two seconds, and firmware under a KVM that is nested takes five more. */
const test = suite("npm start", { needs: ["root", "qemu", "user-namespaces"], timeoutMs: 90_000 });

/** What `npm start` runs when all is set up. */
const DEMO = join(buildRoot, "examples/demo/main.js");
const PROCESSES = ["DISK0", "DISK1", "NET0", "VMM"];
/** Not every host on which the demo can run has these. */
const MAY_LACK = ["landlock", "cgroup", "core-scheduling", "selinux"];
const ENFORCED = EVERY_LAYER.filter((layer) => !MAY_LACK.includes(layer));

test("the demo: a guest's console, what each process held, and the host's own reading of what the guest wrote", () => {
  const state = mkdtempSync(join(STATES_FOLDER, "bulkhead-demo-test-"));
  try {
    const { status, stdout, stderr } = spawnSync(process.execPath, [DEMO], {
      encoding: "utf8",
      env: { ...process.env, BULKHEAD_STATE: state },
    });
    assert.is(status, 0, stderr);
    const lines = stdout.split(/\r?\n/);
    assert.ok(lines.includes("bulkhead-boot: disk1 read back, same"), stdout);
    const table = lines.findIndex((line) => line.startsWith("LAYER"));
    assert.equal(lines[table]?.split(/\s+/), ["LAYER", ...PROCESSES]);
    const rows = new Map(lines.slice(table + 1).map((line) => [line.split(/\s+/)[0], line.split(/\s+/).slice(1)]));
    for (const layer of ENFORCED)
      assert.equal(
        rows.get(layer),
        PROCESSES.map(() => "enforced"),
        layer,
      );
    const last = lines.findLast((line) => line !== "");
    assert.match(
      last as string,
      /^disk1, sector 9, read by the host: "written by the guest .*, which only who read both disks can know\.$/,
    );
  } finally {
    rmSync(state, { recursive: true });
  }
});

test("a second set-up finds everything there and says nothing", () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(repositoryRoot, "scripts/setup.mjs")], {
    encoding: "utf8",
  });
  assert.equal([status, stdout, stderr], [0, "", ""]);
});

test.run();
