import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { ObservedProcess, ObservedThread } from "../../../src/observe/index.js";
import type { ProcessPlan } from "../../../src/plan/index.js";
import type { Layer } from "../../../src/spec/index.js";
import { Comparison, type Difference } from "../../../src/verify/difference.js";
import { compareFds } from "../../../src/verify/fds.js";
import * as surroundings from "../../../src/verify/surroundings.js";
import { compareSession, compareThreads } from "../../../src/verify/threads.js";
import { suite } from "../../support/harness.js";
import { heldOf, matchingProcess, planBelow, SESSION } from "./matching_process.js";

const test = suite("differences between a process and its plan", { needs: ["root", "mount-namespaces"] });

let base: string;
let child: ChildProcess;
let plan: ProcessPlan;
let matching: ObservedProcess;
let peer: ObservedProcess;

test.before(async () => {
  base = mkdtempSync(join(tmpdir(), "bulkhead-verify-"));
  plan = planBelow(base);
  // A process with an empty /dev, as the plan of a disk has it: nodes are read from the live process.
  const script = "mount -t tmpfs none /dev && echo ready && exec sleep 60";
  child = spawn("unshare", ["--mount", "sh", "-c", script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout as NodeJS.ReadableStream, "data");
  matching = matchingProcess(plan, child.pid ?? 0);
  const foreign = Object.fromEntries(Object.keys(matching.namespaces).map((kind) => [kind, `${kind}:[peer]`]));
  peer = { ...matching, pid: 1, namespaces: foreign as ObservedProcess["namespaces"] };
});
test.after(async () => {
  child.kill("SIGKILL");
  await once(child, "close");
  rmSync(base, { recursive: true });
});

function compare(observed: ObservedProcess, planned = plan): Difference[] {
  const comparison = new Comparison(planned.id, observed.pid);
  compareThreads(planned, observed, comparison);
  compareSession(SESSION, observed, comparison);
  surroundings.compareNamespaces(planned, observed, [{ owner: "its peer", namespaces: peer.namespaces }], comparison);
  surroundings.compareRoot(planned, observed, comparison);
  compareFds(planned, observed, { held: heldOf(plan), guestMemory: new Set(["9:memory"]) }, comparison);
  surroundings.compareLimits(planned, observed, comparison);
  surroundings.compareDumpable(observed, comparison);
  surroundings.compareCgroup(planned, observed, comparison);
  surroundings.compareCookie(planned, observed, [peer], comparison);
  return comparison.differences;
}

function assertDiffers(observed: ObservedProcess, layer: Layer, planned = plan): void {
  const differences = compare(observed, planned);
  assert.ok(differences.length > 0, "the difference was not seen");
  assert.equal([...new Set(differences.map((difference) => difference.layer))], [layer]);
  for (const difference of differences) {
    assert.is(difference.process, "disk0");
    assert.is(difference.pid, observed.pid);
    assert.is.not(difference.planned, difference.observed);
  }
}

test("a process that is what its plan says has no difference", () => {
  assert.equal(compare(matching), []);
});

const ONE_BIT = "0000000000000001";

const THREAD_CHANGES: readonly (readonly [
  what: string,
  layer: Layer,
  change: (thread: ObservedThread) => Partial<ObservedThread>,
])[] = [
  ["no filter", "seccomp", () => ({ seccompMode: 0 })],
  ["strict mode", "seccomp", () => ({ seccompMode: 1 })],
  ["no filter counted", "seccomp", () => ({ seccompFilters: 0 })],
  ["a second filter", "seccomp", () => ({ seccompFilters: 2 })],
  ["no_new_privs clear", "no-new-privs", () => ({ noNewPrivs: false })],
  ["a supplementary group", "uid", () => ({ groups: [0] })],
  ...([0, 1, 2, 3] as const).flatMap((index) => [
    [`uid ${index} of root`, "uid", (thread: ObservedThread) => ({ uids: thread.uids.with(index, 0) })] as const,
    [`gid ${index} of root`, "uid", (thread: ObservedThread) => ({ gids: thread.gids.with(index, 0) })] as const,
  ]),
  ...(["inheritable", "permitted", "effective", "bounding", "ambient"] as const).map(
    (set) =>
      [
        `a ${set} capability`,
        "capabilities",
        (thread: ObservedThread) => ({ capabilities: { ...thread.capabilities, [set]: ONE_BIT } }),
      ] as const,
  ),
  ["fields that the kernel did not print", "uid", () => ({ uids: [], gids: [] })],
];

for (const [what, layer, change] of THREAD_CHANGES) {
  test(`threads: ${what} in one of them, ${layer} differs`, () => {
    for (const index of [0, 1]) {
      const threads = matching.threads.map((thread, place) => (place === index ? { ...thread, ...change(thread) } : thread));
      assertDiffers({ ...matching, threads }, layer);
    }
  });
}

test("threads: another umask, uid differs", () => {
  for (const umask of ["0022", "0000", ""]) {
    assertDiffers({ ...matching, threads: matching.threads.map((thread) => ({ ...thread, umask })) }, "uid");
  }
});

for (const kind of ["user", "mount", "pid", "net", "ipc", "uts", "cgroup"] as const) {
  test(`namespaces: a ${kind} namespace that is shared with a peer differs`, () => {
    assertDiffers({ ...matching, namespaces: { ...matching.namespaces, [kind]: peer.namespaces[kind] } }, "namespaces");
  });
}

const [ROOT_MOUNT, DEV_MOUNT] = [0, 1];

test("root: each mount option that confines is missed, each other option is not", () => {
  for (const index of [ROOT_MOUNT, DEV_MOUNT]) {
    for (const option of matching.mounts[index]?.options ?? []) {
      const mounts = matching.mounts.map((mount, place) =>
        place === index ? { ...mount, options: mount.options.filter((other) => other !== option) } : mount,
      );
      if (option === "relatime") assert.equal(compare({ ...matching, mounts }), []);
      else assertDiffers({ ...matching, mounts }, "root");
    }
  }
});

test("root: a mount more, a mount less, another file system, another directory", () => {
  const [root, dev] = matching.mounts;
  if (root === undefined || dev === undefined) throw new Error("two mounts are planned");
  assertDiffers({ ...matching, mounts: [root, dev, { ...dev, target: "/proc", type: "proc" }] }, "root");
  assertDiffers({ ...matching, mounts: [root, dev, dev] }, "root");
  assertDiffers({ ...matching, mounts: [root] }, "root");
  assertDiffers({ ...matching, mounts: [root, { ...dev, type: "devtmpfs" }] }, "root");
  assertDiffers({ ...matching, mounts: [{ ...root, root: "/" }, dev] }, "root");
  assertDiffers({ ...matching, mounts: [{ ...root, root: "/other" }, dev] }, "root");
  assertDiffers({ ...matching, mounts: [dev] }, "root");
});

test("threads: a thread that keeps something for itself differs in the layer of that", () => {
  for (const [part, layer] of [
    ["fds", "fds"],
    ["paths", "root"],
    ["cgroup", "cgroup"],
    ["core cookie", "core-scheduling"],
    ["net namespace", "namespaces"],
  ] as const) {
    const [first, second] = matching.threads;
    if (first === undefined || second === undefined) throw new Error("two threads are planned");
    assertDiffers({ ...matching, threads: [first, { ...second, apart: [part] }] }, layer);
  }
});

test("session: another than its VM's, a shared process group, or a terminal", () => {
  assertDiffers({ ...matching, processGroup: 1 }, "namespaces");
  assertDiffers({ ...matching, session: 1 }, "namespaces");
  assertDiffers({ ...matching, terminal: 34816 }, "namespaces");
});

test("root: another working directory", () => {
  assertDiffers({ ...matching, cwd: "/dev" }, "root");
});

test("root: a node that is planned and not there", () => {
  assertDiffers(matching, "root", { ...plan, nodes: [{ name: "null", major: 1, minor: 3, mode: 0o600 }] });
});

test("rlimits: each of them, soft or hard or not there", () => {
  for (const name of Object.keys(plan.limits)) {
    const limit = matching.limits[name] ?? { soft: 0, hard: 0 };
    for (const changed of [
      { ...limit, soft: limit.soft + 1 },
      { ...limit, hard: limit.hard + 1 },
    ]) {
      assertDiffers({ ...matching, limits: { ...matching.limits, [name]: changed } }, "rlimits");
    }
    const { [name]: _gone, ...rest } = matching.limits;
    assertDiffers({ ...matching, limits: rest }, "rlimits");
  }
});

test("dumpable: a dumpable process differs", () => {
  assertDiffers({ ...matching, dumpable: true }, "dumpable");
});

test("cgroup: another group, the root, none", () => {
  for (const cgroup of ["/bulkhead/web1/net0", "/bulkhead/web1", "/", null]) assertDiffers({ ...matching, cgroup }, "cgroup");
});

test("cgroup: a limit of the group that is not the planned one, and a group below it", () => {
  const path = plan.cgroup?.path ?? "";
  for (const [name, content] of Object.entries(plan.cgroup?.files ?? {})) {
    writeFileSync(`${path}/${name}`, "max\n");
    assertDiffers(matching, "cgroup");
    writeFileSync(`${path}/${name}`, `${content}\n`);
  }
  mkdirSync(`${path}/below`);
  assertDiffers(matching, "cgroup");
  rmSync(`${path}/below`, { recursive: true });
  assert.equal(compare(matching), []);
});

test("core scheduling: no cookie, or another than the VM's", () => {
  for (const coreCookie of [0n, 8n, null]) assertDiffers({ ...matching, coreCookie }, "core-scheduling");
});

test("core scheduling: nothing is asked where the host has none", () => {
  const layers = { ...plan.layers, "core-scheduling": { status: "unavailable", why: "no threads" } } as const;
  assert.equal(compare({ ...matching, coreCookie: null }, { ...plan, layers }), []);
});

test.run();
