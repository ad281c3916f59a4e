// Runs inside the lab, by test/lab_long/selinux.test.ts.
import * as assert from "uvu/assert";
import { type LabPolicy, loadLabPolicy, recordDenials } from "../../src/compliance/lab/index.js";
import { LAYERS, launch, type ProcessPlan, type RunningMachine } from "../../src/index.js";
import {
  CompiledPolicy,
  decideAccess,
  formatContext,
  type PolicyQuestion,
  parseContext,
  readLabel,
} from "../../src/selinux/index.js";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture } from "../support/machine_fixture.js";
import { requestOn, vmText } from "./lab_vm.js";
import { actAs, prepareActs } from "./selinux_act.js";
import { ALLOWED, ATTEMPTS, type Attempt, type Place, type Target, WIDENED_ATTEMPTS } from "./selinux_attempts.js";
import { listenAs, makeTap, openChannel } from "./selinux_objects.js";

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
const pidOf = ([machine, id]: Place) => machines[machine]?.pids.get(id) ?? 0;

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

/** The label of an object of ours, at the level of a process: its own, or the one of its whole VM. */
function labelAt([machine, id]: Place, type: string, level: "own" | "vm"): string {
  const { low, high } = parseContext(contextOf(machine, id));
  const vmm = parseContext(contextOf(machine, "vmm"));
  const categories = level === "vm" ? vmm.low : id === "vmm" ? high : low;
  return formatContext({ user: "system_u", role: "object_r", type, low: categories, high: categories });
}

/** The label of what is acted on, as the plan has it and the kernel shows it. */
function labelOf(target: Target): string {
  switch (target.kind) {
    case "image":
      return readLabel(imageOf(...target.of)) ?? "";
    case "path":
      return readLabel(target.path) ?? "";
    case "tap":
      return labelAt(target.of, "bulkhead_tap_t", "own");
    case "channel":
    case "listener":
      return labelAt(target.of, "bulkhead_channel_t", "vm");
    case "process":
      return contextOf(...target.of);
  }
}

const CLASSES = { image: "file", path: "file", tap: "chr_file", channel: "unix_stream_socket" } as const;

/** The question of an attempt to the policy. */
function questionOf({ act, target }: Attempt, source: string): PolicyQuestion {
  const asked = { source, target: labelOf(target) };
  if (target.kind === "listener") return { ...asked, objectClass: "unix_stream_socket", permissions: ["connectto"] };
  if (target.kind !== "process") return { ...asked, objectClass: CLASSES[target.kind], permissions: ["read"] };
  if (act === "open") return { ...asked, objectClass: "file", permissions: ["open", "read"] };
  return { ...asked, objectClass: "process", permissions: [act === "trace" ? "ptrace" : "signal"] };
}

function sourceOf({ as, domain }: Attempt): string {
  const own = parseContext(contextOf(...as));
  return formatContext(domain === undefined ? own : { ...own, type: domain });
}

/** Lets a process in the place of the one that the attempt names try it. */
async function perform(attempt: Attempt, context: string): Promise<number> {
  const { act, target } = attempt;
  switch (target.kind) {
    case "image":
      return actAs({ context, uid: 0, input: imageOf(...target.of) }, [act]);
    case "path":
      return actAs({ context, uid: 0, input: target.path }, [act]);
    case "tap":
      return actAs({ context, uid: 0, input: makeTap(labelOf(target)) }, [act]);
    case "channel":
      return openChannel(labelOf(target), (input) => actAs({ context, uid: 0, input }, [act]));
    case "listener":
      return listenAs(labelOf(target), (name) => actAs({ context, uid: 0, input: null }, [act, name]));
    case "process": {
      // As the uid that it has, so that no other uid keeps it from what it tries.
      const name = act === "open" ? `/proc/${pidOf(target.of)}/status` : String(pidOf(target.of));
      return actAs({ context, uid: planOf(...target.of).uid, input: null }, [act, name]);
    }
  }
}

function attempts(policy: LabPolicy, list: readonly Attempt[]): void {
  for (const attempt of list) {
    const { what, status, reason } = attempt;
    const allowed = ALLOWED.includes(status);
    test(`${policy} module: ${what}: ${allowed ? "done" : `refused (${reason})`}, by the kernel and by the policy asked offline`, async () => {
      const source = sourceOf(attempt);
      const offline = decideAccess(CompiledPolicy.load("/sys/fs/selinux/policy"), questionOf(attempt, source));
      assert.equal([offline.decision, offline.reason], [allowed ? "allow" : "deny", reason], offline.explanation);
      assert.is(await perform(attempt, source), status);
    });
  }
}

attempts("whole", ATTEMPTS);

test("a policy is loaded in which type rules allow what the module forbids", () => loadLabPolicy("widened"));
attempts("widened", WIDENED_ATTEMPTS);
test("the module as it is, again", () => loadLabPolicy("whole"));

test.run();
