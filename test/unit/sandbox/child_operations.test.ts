import { constants } from "node:os";
import * as assert from "uvu/assert";
import type { ChildOperation, ChildStep } from "../../../src/kernel/index.js";
import { type ChildFds, childOperations, cloneFlags } from "../../../src/sandbox/child_operations.js";
import { suite } from "../../support/harness.js";
import { planOfProcess } from "./process_plan.js";

const test = suite("what a child does before exec");

const FILTER = Buffer.from("filter");
const FDS: ChildFds = {
  root: 20,
  dev: 21,
  boot: 22,
  landlock: 23,
  launcherKeyring: 7n,
  memfdNoexec: 0,
  manifest: new Map([0, 1, 2, 3, 4, 5].map((number) => [number, number + 30])),
};

function operationsOf(fds: Partial<ChildFds> = {}): ChildOperation[] {
  return childOperations(planOfProcess("disk0"), { ...FDS, ...fds }, FILTER);
}

function place(step: ChildStep, from: "first" | "last" = "first"): number {
  const steps = operationsOf().map((operation) => operation.step);
  const index = from === "first" ? steps.indexOf(step) : steps.lastIndexOf(step);
  assert.ok(index >= 0, `there is no ${step}`);
  return index;
}

/** Each pair is an argument: what the reason says would fail, or be left open, the other way round. */
const ORDER: readonly (readonly [earlier: ChildStep, later: ChildStep, reason: string])[] = [
  ["cgroup-namespace", "user-id", "unshare needs CAP_SYS_ADMIN"],
  ["private-mounts", "attach-mount", "what is attached would reach the host"],
  ["attach-mount", "pivot-root", "there is nothing to pivot to"],
  ["pivot-root", "user-id", "pivot_root needs CAP_SYS_ADMIN"],
  ["memfd-noexec", "pivot-root", "there would be no /proc"],
  ["memfd-noexec", "user-id", "a sysctl is root's to write"],
  ["host-name", "user-id", "sethostname needs CAP_SYS_ADMIN"],
  ["session-keyring", "user-id", "the keyring would be the process's own to change"],
  ["group-id", "user-id", "after the user id nothing permits it"],
  ["resource-limit", "drop-capabilities", "a limit above the inherited one needs CAP_SYS_RESOURCE"],
  ["user-id", "drop-bounding-set", "dropping needs CAP_SETPCAP, which the namespace's owner still has"],
  ["user-id", "drop-capabilities", "setresuid needs CAP_SETUID"],
  ["securebits", "drop-capabilities", "securebits need CAP_SETPCAP"],
  ["drop-bounding-set", "drop-capabilities", "dropping needs CAP_SETPCAP"],
  ["no-new-privs", "landlock", "restricting oneself without a capability needs it"],
  ["no-new-privs", "seccomp-filter", "filtering without a capability needs it"],
  ["pivot-root", "landlock", "Landlock refuses all changes of mounts"],
  ["place-fd", "close-other-fds", "what was not placed is closed"],
  ["close-other-fds", "resource-limit", "a probe's fd would be numbered beyond RLIMIT_NOFILE, above all that was inherited"],
  ["attach-mount", "close-other-fds", "its mounts would be closed"],
  ["default-signals", "seccomp-filter", "the filter need not allow it"],
  ["close-other-fds", "seccomp-filter", "the filter need not allow it"],
  ["seccomp-filter", "exec", "the program would run without a filter"],
  ["user-id", "end-with-launcher", "setresuid resets the death signal"],
  ["end-with-launcher", "seccomp-filter", "a launcher that dies would leave the child waiting for an answer"],
  ["listener-taken", "close-listener", "the launcher could not take it any more"],
  ["close-listener", "exec", "exec waits for an answer, which a dead launcher cannot give while the listener is open"],
];

for (const [earlier, later, reason] of ORDER) {
  test(`order: ${earlier} before ${later}, else ${reason}`, () => {
    assert.ok(place(earlier, "last") < place(later));
  });
}

test("order: exec is last, the filter before it, and only the handing over of its listener between them, each once", () => {
  const steps = operationsOf().map((operation) => operation.step);
  assert.equal(steps.slice(-4), ["seccomp-filter", "listener-taken", "close-listener", "exec"]);
  for (const step of ["seccomp-filter", "exec", "landlock", "pivot-root", "no-new-privs", "drop-capabilities"]) {
    assert.is(steps.filter((other) => other === step).length, 1, step);
  }
});

test("probes: the same call is answered before its layer and refused after it", () => {
  const probesOf = (step: ChildStep) =>
    operationsOf().flatMap((operation, index) => (operation.step === step ? [{ index, answer: operation.number }] : []));
  const open = probesOf("expect-open");
  assert.equal(
    open.map((probe) => probe.answer),
    [0n, BigInt(constants.errno.EACCES)],
  );
  assert.ok((open[0]?.index ?? 99) < place("landlock") && place("landlock") < (open[1]?.index ?? 0));
  const ambient = probesOf("expect-ambient");
  assert.equal(
    ambient.map((probe) => probe.answer),
    [0n, BigInt(constants.errno.EPERM)],
  );
  assert.ok((ambient[0]?.index ?? 99) < place("securebits") && place("securebits") < (ambient[1]?.index ?? 0));
});

test("probes: the capability that the probe raised is cleared before capabilities are dropped", () => {
  assert.ok(place("expect-ambient") < place("clear-ambient-set") && place("clear-ambient-set") < place("expect-ambient", "last"));
});

test("fds: each number of the manifest is placed from the launcher's fd, and all above the last but the ruleset are closed", () => {
  const operations = operationsOf();
  assert.equal(
    operations.filter(({ step }) => step === "place-fd").map(({ fd, number }) => [fd, number]),
    [30, 31, 32, 33, 34, 35].map((fd) => [fd, BigInt(fd - 30)]),
  );
  const closing = operations.find(({ step }) => step === "close-other-fds");
  assert.is(closing?.number, 5n);
  assert.is(closing?.fd, FDS.landlock, "the ruleset is applied later");
});

test("identity, name and umask are the plan's", () => {
  const plan = planOfProcess("disk0");
  const numberOf = (step: ChildStep) => operationsOf()[place(step)]?.number;
  assert.is(numberOf("user-id"), BigInt(plan.uid));
  assert.is(numberOf("group-id"), BigInt(plan.gid));
  assert.is(numberOf("umask"), 0o077n);
  assert.is(operationsOf()[place("host-name")]?.path, "bulkhead");
  assert.is(operationsOf()[place("exec")]?.path, plan.argv[0]);
  assert.is(operationsOf()[place("seccomp-filter")]?.data, FILTER);
});

test("limits: each of the plan's is set once, unlimited as RLIM_INFINITY", () => {
  const plan = planOfProcess("disk0");
  const limits = operationsOf().filter(({ step }) => step === "resource-limit");
  assert.is(new Set(limits.map(({ number }) => number)).size, Object.keys(plan.limits).length);
  // RLIMIT_NOFILE and RLIMIT_AS: include/uapi/asm-generic/resource.h.
  assert.is(limits.find(({ number }) => number === 7n)?.value, BigInt(plan.limits["nofile"] ?? 0));
  assert.is(limits.find(({ number }) => number === 9n)?.value, 2n ** 64n - 1n);
});

test("limits: a name that the kernel does not know is a defect", () => {
  const plan = { ...planOfProcess("disk0"), limits: { nosuch: 1 } };
  assert.throws(() => childOperations(plan, FDS, FILTER), /nosuch/);
});

test("mounts: /boot is attached only where there is one, and everything below the root", () => {
  const attached = (fds: Partial<ChildFds>) =>
    operationsOf(fds).flatMap(({ step, fd, directoryFd, path }) => (step === "attach-mount" ? [[fd, directoryFd, path]] : []));
  assert.equal(attached({}), [
    [20, undefined, "/"],
    [21, 20, "dev"],
    [22, 20, "boot"],
  ]);
  assert.is(attached({ boot: null }).length, 2);
});

test("landlock: without a ruleset there is neither the step nor its probes", () => {
  const steps = operationsOf({ landlock: null }).map(({ step }) => step);
  assert.not.ok(steps.includes("landlock") || steps.includes("expect-open"));
});

test("clone: all namespaces of the plan at once but the cgroup's, which is unshared in the child, and the network's, which is made beforehand", () => {
  // CLONE_NEW{NS,UTS,IPC,USER,PID}: include/uapi/linux/sched.h.
  const all = 0x20000n | 0x4000000n | 0x8000000n | 0x10000000n | 0x20000000n;
  assert.is(cloneFlags(planOfProcess("disk0")), all);
  assert.is(cloneFlags({ ...planOfProcess("disk0"), namespaces: ["ipc", "net", "cgroup"] }), 0x8000000n);
  const steps = childOperations({ ...planOfProcess("disk0"), namespaces: ["net"] }, FDS, FILTER).map(({ step }) => step);
  assert.not.ok(steps.includes("cgroup-namespace"));
});

test("memory files: sealed against execution where the kernel can, and never below what the launcher's namespace asks for", () => {
  const levelOf = (memfdNoexec: number | null) =>
    operationsOf({ memfdNoexec }).find(({ step }) => step === "memfd-noexec")?.number ?? null;
  assert.equal([null, 0, 1, 2].map(levelOf), [null, 1n, 1n, 2n]);
});

test.run();
