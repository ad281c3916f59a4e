import * as assert from "uvu/assert";

/** Written out: a report that lost a layer is not measured by a list that lost it too. */
export const EVERY_LAYER = [
  "seccomp",
  "namespaces",
  "root",
  "fds",
  "capabilities",
  "securebits",
  "no-new-privs",
  "uid",
  "dumpable",
  "landlock",
  "rlimits",
  "cgroup",
  "core-scheduling",
  "selinux",
];

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}

/** A layer of one process, as `bulkhead inspect --json` prints it. */
export interface ReportedLayer {
  readonly status: string;
  readonly planned: unknown;
  readonly observed: unknown;
}

/** Every layer is there, and says what was planned and what was seen unless this host does not have it. */
export function assertEveryLayer(layers: Readonly<Record<string, ReportedLayer>>, process: string): void {
  assert.equal(Object.keys(layers), EVERY_LAYER, process);
  for (const [layer, { status, planned, observed }] of Object.entries(layers)) {
    assert.ok(["enforced", "partial", "unavailable"].includes(status), `${process}: ${layer} is ${status}`);
    if (status === "unavailable") continue;
    assert.ok(
      !isEmpty(planned) && !isEmpty(observed),
      `${process}: ${layer} does not say both what was planned and what was seen`,
    );
  }
}
