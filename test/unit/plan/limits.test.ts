import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { parseLimits } from "../../../src/observe/index.js";
import { planIoLimit, planLimits, planProcessCgroup, planVmCgroup } from "../../../src/plan/limits.js";
import { parseVmText } from "../../../src/spec/index.js";
import { FULL_HOST, POLICIES } from "../../golden/plan_fixtures.js";
import { NO_BACKENDS } from "../../support/device_backends.js";
import { suite } from "../../support/harness.js";

const test = suite("limits of processes and VMs");

const MIB = 1024 ** 2;
const spec = parseVmText("name: web1\nmachine: {memory: 512M}\n", { file: "web1.yaml", directory: "/vms" });
const inputs = { spec, facts: FULL_HOST };
const image = { kind: "file", sizeBytes: 0, path: "/vms/a.img", blockDevice: "8:0" } as const;

test("rlimits: every resource that the kernel knows is set", () => {
  const known = Object.keys(parseLimits(readFileSync("/proc/self/limits", "utf8")));
  assert.equal(Object.keys(planLimits(POLICIES.disk, 0)).sort(), known.sort());
});

test("rlimits: a role's own figures, and nothing that lets a process dump core", () => {
  const limits = planLimits(POLICIES.net, 0);
  assert.is(limits["nofile"], 128);
  assert.is(limits["nproc"], 8);
  assert.is(limits["memlock"], 4096);
  assert.is(limits["core"], 1);
});

test("cgroup of the VM: guest memory once, what each process may use beside it, and no swap", () => {
  const group = planVmCgroup(inputs, [POLICIES.disk, POLICIES.net, POLICIES.vmm]);
  assert.is(group?.path, "/sys/fs/cgroup/bulkhead/web1");
  assert.is(group?.files["memory.max"], String((512 + 256 + 192 + 512) * MIB));
  assert.is(group?.files["memory.swap.max"], "0");
  assert.is(group?.files["pids.max"], String(80 + 8 + 288));
});

test("cgroup of a process: below the VM's, guest memory in full, whole CPUs", () => {
  const group = planProcessCgroup(inputs, { id: "disk0", policy: POLICIES.disk, cpus: 3, io: "8:0 rbps=1" });
  assert.equal(group, {
    path: "/sys/fs/cgroup/bulkhead/web1/disk0",
    files: {
      "memory.max": String((512 + 256) * MIB),
      "memory.swap.max": "0",
      "pids.max": "80",
      "cpu.max": "300000 100000",
      "io.max": "8:0 rbps=1",
    },
  });
});

test("cgroup: a file without its controller is left out, and none is planned where there is no v2", () => {
  const process = { id: "d", policy: POLICIES.disk, cpus: 1, io: "8:0 rbps=1" };
  const hybrid = { ...FULL_HOST.cgroup, kind: "v2", mount: "/c", controllers: ["pids"], why: "v1" } as const;
  assert.equal(planProcessCgroup({ spec, facts: { ...FULL_HOST, cgroup: hybrid } }, process)?.files, { "pids.max": "80" });
  const none = { spec, facts: { ...FULL_HOST, cgroup: { kind: "none", why: "" } as const } };
  assert.is(planProcessCgroup(none, process), null);
  assert.is(planVmCgroup(none, [POLICIES.disk]), null);
});

test("io.max: each limit by the kernel's key, nothing where none is asked", () => {
  const device = { ...NO_BACKENDS, id: "d", role: "disk", model: "nvme" };
  const limits = {
    readBytesPerSecond: 1,
    writeBytesPerSecond: 2,
    readOperationsPerSecond: 3,
    writeOperationsPerSecond: 4,
  };
  assert.is(planIoLimit({ ...device, limits }, image), "8:0 rbps=1 wbps=2 riops=3 wiops=4");
  assert.is(planIoLimit({ ...device, limits: { writeBytesPerSecond: 2 } }, image), "8:0 wbps=2");
  assert.is(planIoLimit({ ...device, limits: {} }, image), null);
  assert.is(planIoLimit({ ...device, limits }, { ...image, blockDevice: null }), null);
});

test.run();
