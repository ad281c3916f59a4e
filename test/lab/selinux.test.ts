// Runs inside the lab, by test/lab_long/selinux.test.ts.
import * as assert from "uvu/assert";
import { recordDenials } from "../../src/compliance/lab/index.js";
import { LAYERS, launch, type ProcessPlan, type RunningMachine } from "../../src/index.js";
import { CompiledPolicy, type PolicyQuestion } from "../../src/kernel/index.js";
import { decideAccess, readLabel } from "../../src/selinux/index.js";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture } from "../support/machine_fixture.js";
import { requestOn, vmText } from "./lab_vm.js";
import { actAs, prepareActs } from "./selinux_act.js";

const test = suite("SELinux in the lab", { needs: ["root", "kvm", "selinux-enforcing"], timeoutMs: 300_000 });

const NAMES = ["test-selinux-1", "test-selinux-2"] as const;

const fixtures: MachineFixture[] = [];
const machines: RunningMachine[] = [];
let denials: readonly { readonly text: string }[] = [];

test.before(async () => {
  const recorded = await recordDenials(async () => {
    for (const name of NAMES) {
      const fixture = await makeFixture();
      fixtures.push(fixture);
      machines.push(await launch(await requestOn("10", { fixture, text: vmText(name) })));
    }
  });
  denials = recorded.denials;
  await prepareActs();
});
test.after(async () => {
  for (const machine of machines) machine.kill();
  await Promise.all(machines.map((machine) => machine.ended));
  for (const fixture of fixtures) {
    assert.equal(fixture.leftovers(), []);
    for (const disk of DISKS) assert.not.match(readLabel(`${fixture.directory}/${disk}-blank.img`) ?? "", /bulkhead/);
    await fixture.remove();
  }
});

const DISKS = ["disk0", "disk1"] as const;

function planOf(machine: number, id: string): ProcessPlan {
  const plan = machines[machine]?.plan.processes.find((process) => process.id === id);
  if (plan === undefined) throw new Error(`machine ${machine} has no process ${id}`);
  return plan;
}

const contextOf = (machine: number, id: string) => planOf(machine, id).selinux?.context ?? "";
const imageOf = (machine: number, disk: string) => `${fixtures[machine]?.directory}/${disk}-blank.img`;
const pidOf = (machine: number, id: string) => machines[machine]?.pids.get(id) ?? 0;

test("a clean launch: every layer but core scheduling is enforced, and nothing was denied", () => {
  assert.equal(
    denials.map(({ text }) => text),
    [],
  );
  for (const machine of machines) {
    assert.equal(machine.verified.differences, []);
    for (const { id, layers } of machine.verified.processes) {
      const short = LAYERS.filter((layer) => layers[layer].status !== "enforced");
      assert.equal(short, ["core-scheduling"], id);
    }
  }
});

test("every image has the categories of its device, and no two devices have the same", () => {
  const contexts = machines.flatMap((machine) => machine.plan.processes.map(({ selinux }) => selinux?.context));
  assert.is(new Set(contexts).size, contexts.length);
  for (const machine of [0, 1]) {
    for (const disk of DISKS) {
      const level = contextOf(machine, disk).split(":").slice(3).join(":");
      assert.is(readLabel(imageOf(machine, disk)), `unconfined_u:object_r:bulkhead_image_t:${level}`);
    }
  }
});

/** What the act answers: its success, the errno of a refusal, or that the kernel gave it the null device instead of the file. */
const DONE = 0;
const EPERM = 1;
const EACCES = 13;
const REPLACED = 200;

/** One act of a process at the exact context of `as`; what it must answer, and why by the policy asked offline. */
interface Attempt {
  readonly what: string;
  readonly as: () => string;
  readonly act: "read-fd" | "signal" | "trace";
  /** Path of the file that it is given as fd. */
  readonly file?: () => string;
  /** Machine and id of the process that it acts on. */
  readonly on?: readonly [machine: number, id: string];
  readonly status: number;
  readonly reason: string;
}

const disk0 = () => contextOf(0, "disk0");
const vmm = () => contextOf(0, "vmm");
const ownImage = () => imageOf(0, "disk0");
/** Another domain at the very level of disk0. */
const netAtDisk0 = () => disk0().replace("bulkhead_disk_t", "bulkhead_net_t");
/** A disk's domain at disk1's level. */
const disk1 = () => contextOf(0, "disk1");

const ATTEMPTS: readonly Attempt[] = [
  { what: "disk0 reads its own image", as: disk0, act: "read-fd", file: ownImage, status: DONE, reason: "granted" },
  {
    what: "disk0 reads disk1's image",
    as: disk0,
    act: "read-fd",
    file: () => imageOf(0, "disk1"),
    status: REPLACED,
    reason: "constraint",
  },
  {
    what: "disk1 reads disk1's image",
    as: disk1,
    act: "read-fd",
    file: () => imageOf(0, "disk1"),
    status: DONE,
    reason: "granted",
  },
  {
    what: "disk0 reads an image of another VM",
    as: disk0,
    act: "read-fd",
    file: () => imageOf(1, "disk0"),
    status: REPLACED,
    reason: "constraint",
  },
  {
    what: "disk0 reads /etc/shadow",
    as: disk0,
    act: "read-fd",
    file: () => "/etc/shadow",
    status: REPLACED,
    reason: "type-rule",
  },
  {
    what: "a net process with disk0's categories reads its image",
    as: netAtDisk0,
    act: "read-fd",
    file: ownImage,
    status: REPLACED,
    reason: "type-rule",
  },
  { what: "the VMM reads an image of its VM", as: vmm, act: "read-fd", file: ownImage, status: REPLACED, reason: "type-rule" },
  { what: "disk0 signals itself", as: disk0, act: "signal", on: [0, "disk0"], status: DONE, reason: "granted" },
  { what: "disk0 signals disk1", as: disk0, act: "signal", on: [0, "disk1"], status: EACCES, reason: "constraint" },
  { what: "disk0 signals its VMM", as: disk0, act: "signal", on: [0, "vmm"], status: EACCES, reason: "type-rule" },
  {
    what: "disk0 signals the disk of another VM",
    as: disk0,
    act: "signal",
    on: [1, "disk0"],
    status: EACCES,
    reason: "constraint",
  },
  { what: "the VMM signals disk0", as: vmm, act: "signal", on: [0, "disk0"], status: EACCES, reason: "type-rule" },
  { what: "disk0 traces its VMM", as: disk0, act: "trace", on: [0, "vmm"], status: EPERM, reason: "type-rule" },
];

/** The question of an attempt to the policy. */
function questionOf({ as, act, file, on }: Attempt): PolicyQuestion {
  if (file !== undefined) return { source: as(), target: readLabel(file()) ?? "", objectClass: "file", permissions: ["read"] };
  const [machine, id] = on ?? [0, ""];
  const permissions = [act === "trace" ? "ptrace" : "signal"];
  return { source: as(), target: contextOf(machine, id), objectClass: "process", permissions };
}

for (const attempt of ATTEMPTS) {
  const { what, as, act, file, on, status, reason } = attempt;
  test(`${what}: ${status === DONE ? "done" : `refused (${reason})`}, by the kernel and by the policy asked offline`, async () => {
    const offline = decideAccess(CompiledPolicy.load("/sys/fs/selinux/policy"), questionOf(attempt));
    assert.equal([offline.decision, offline.reason], [status === DONE ? "allow" : "deny", reason], offline.explanation);
    const pid = on === undefined ? 0 : pidOf(...on);
    const uid = on === undefined ? 0 : planOf(...on).uid;
    assert.is(await actAs({ context: as(), uid, input: file?.() ?? null }, [act, String(pid)]), status);
  });
}

test.run();
