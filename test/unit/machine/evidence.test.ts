import * as assert from "uvu/assert";
import { keepEvidence } from "../../../src/machine/evidence.js";
import { findRun, identifyProcess, OwnedRun } from "../../../src/state/index.js";
import { readEvidence } from "../../../src/verify/index.js";
import { suite } from "../../support/harness.js";
import { makeDirectories } from "../state/temporary_directories.js";

const test = suite("evidence of a launch");

test("a process on record whose pid is another's by now is missing and is not compared", () => {
  const directories = makeDirectories();
  const run = OwnedRun.claim(directories, { vm: "web1", shutdownGraceMs: 0 });
  try {
    const alive = { ...identifyProcess(process.pid), id: "vmm", role: "vmm", session: 0 } as const;
    const recycled = { pid: process.pid, startTime: "1", id: "disk0", role: "disk", session: 0 };
    run.update({ processes: [alive as typeof recycled, recycled] });
    const processes = [alive, recycled].map(({ id, role }) => ({ id, role, fds: [] }));
    const plan = { vm: "web1", processes };
    const inventories = new Map([
      ["vmm", {}],
      ["disk", {}],
    ]);
    keepEvidence(run, { plan, manifests: new Map(), inventories } as unknown as Parameters<typeof keepEvidence>[1]);
    const known = findRun(directories, "web1");
    const evidence = known === null ? null : readEvidence(known);
    assert.equal(
      evidence?.started.map((started) => started.plan.id),
      ["vmm"],
    );
    assert.equal(evidence?.missing, [recycled]);
  } finally {
    run.release();
    directories.remove();
  }
});

test.run();
