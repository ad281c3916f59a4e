import fc from "fast-check";
import * as assert from "uvu/assert";
import { PlanError } from "../../src/errors/index.js";
import type { HostFacts } from "../../src/host/index.js";
import { type LaunchPlan, type ProcessPlan, planLaunch } from "../../src/plan/index.js";
import { VMM_ID, type VmSpec } from "../../src/spec/index.js";
import { planInputs } from "../golden/plan_fixtures.js";
import { suite } from "../support/harness.js";
import { hostFacts, PATH_MARK, vmSpecs } from "./vm_specs.js";

const test = suite("plans of any VM file", { timeoutMs: 20_000 });

/** All properties together stay within some 3 s. */
const PROPERTY_LIMIT_MS = 480;
const RUNS = { numRuns: 20_000, interruptAfterTimeLimit: PROPERTY_LIMIT_MS, markInterruptAsFailure: false };
/** Fewer plans than this and a property has shown nothing: the generator gives VMs that are refused. */
const PLANS_MIN = 20;

/** A plan, or null for a VM whose boot disk the firmware would not find first: the only refusal that these VMs can meet. */
function planOf(spec: VmSpec, facts: Partial<HostFacts>): LaunchPlan | null {
  try {
    return planLaunch(planInputs(spec, facts));
  } catch (error) {
    if (error instanceof PlanError && error.code === "boot-disk-shadowed") return null;
    throw error;
  }
}

function holdsForPlans(property: (plan: LaunchPlan, spec: VmSpec, facts: Partial<HostFacts>) => void): void {
  let plans = 0;
  const check = fc.property(vmSpecs, hostFacts, (spec, facts) => {
    const plan = planOf(spec, facts);
    if (plan === null) return;
    plans += 1;
    property(plan, spec, facts);
  });
  fc.assert(check, RUNS);
  assert.ok(plans >= PLANS_MIN, `only ${plans} plans`);
}

test("the same inputs give the same plan, and JSON carries all of it", () => {
  holdsForPlans((plan, spec, facts) => {
    const text = JSON.stringify(plan);
    assert.is(JSON.stringify(planOf(spec, facts)), text);
    assert.equal(JSON.parse(text), plan);
  });
});

/** The same VM with harmless text wherever its user chose the text; what is a choice among few stays. */
function withPlainText(spec: VmSpec): VmSpec {
  const { boot } = spec;
  const plain = (text: string | null) => (text === null ? null : "plain");
  return {
    ...spec,
    name: "plain",
    boot: boot?.kind === "kernel" ? { ...boot, file: "plain", initrd: plain(boot.initrd), append: plain(boot.append) } : boot,
    devices: spec.devices.map((device) => ({
      ...device,
      disk: device.disk === null ? null : { ...device.disk, file: "plain" },
      net: device.net?.kind === "tap" ? { ...device.net, tap: "plain" } : device.net,
    })),
  };
}

/** Options whose value is the user's as it stands: QEMU takes -append whole, and the check of a VM's name lets no comma through. */
const WHOLE_VALUES = ["-name", "-append"];
const WITHOUT_VALUE = ["-nodefaults", "-no-user-config", "-S", "-preconfig"];

interface Option {
  readonly name: string;
  readonly value: string;
}

/** argv as QEMU reads it: what follows an option is its value, whatever it looks like. */
function optionsOf({ argv }: ProcessPlan): Option[] {
  const options: Option[] = [];
  for (let place = 1; place < argv.length; place += 1) {
    const name = argv[place] ?? "";
    assert.match(name, /^-[a-z-]+$/i);
    if (!WITHOUT_VALUE.includes(name)) place += 1;
    options.push({ name, value: WITHOUT_VALUE.includes(name) ? "" : (argv[place] ?? "") });
  }
  return options;
}

test("text of the user never becomes an option: it is a whole value, or a string in JSON", () => {
  holdsForPlans((plan, spec, facts) => {
    const plain = planOf(withPlainText(spec), facts);
    plan.processes.forEach((process, index) => {
      const twin = plain?.processes[index];
      const plainOptions = twin === undefined ? [] : optionsOf(twin);
      optionsOf(process).forEach(({ name, value }, place) => {
        const plainOption = plainOptions[place];
        assert.is(name, plainOption?.name);
        if (value === plainOption?.value || WHOLE_VALUES.includes(name)) return;
        const object = JSON.parse(value) as object;
        assert.equal(Object.keys(object), Object.keys(JSON.parse(plainOption?.value ?? "") as object));
      });
      assert.is(process.argv.length, twin?.argv.length);
    });
  });
});

test("no path of a tenant's file stands in any argv or monitor command", () => {
  holdsForPlans((plan) => {
    for (const process of plan.processes) {
      assert.not.ok(JSON.stringify([process.argv, process.monitor, process.env]).includes(PATH_MARK));
    }
  });
});

test("the fds of each process are 0 to n without a gap, and every number in argv is one of them", () => {
  holdsForPlans((plan) => {
    for (const process of plan.processes) {
      assert.equal(
        process.fds.map(({ fd }) => fd),
        process.fds.map((_, index) => index),
      );
      for (const fd of fdsNamedTo(process)) assert.ok(fd < process.fds.length, `${process.id} is told of fd ${fd}`);
    }
  });
});

interface NamedObject {
  readonly id?: string;
  readonly driver?: string;
  readonly fd?: string;
}

/** The `-device` and `-object` values, all of which are JSON. */
function objectsOf(process: ProcessPlan): NamedObject[] {
  const objects = optionsOf(process).filter(({ name }) => name === "-device" || name === "-object");
  return objects.map(({ value }) => JSON.parse(value) as NamedObject);
}

/** Numbers that QEMU will take for fds, by its own syntax and in JSON. */
function fdsNamedTo(process: ProcessPlan): number[] {
  const plain = optionsOf(process).filter(({ name, value }) => !WHOLE_VALUES.includes(name) && !value.startsWith("{"));
  const words = plain.flatMap(({ value }) => [...value.matchAll(/\bfd=(\d+)/g)].map((hit) => hit[1]));
  const commands = process.monitor.map((command) => (command.arguments ?? {}) as NamedObject);
  const named = [...objectsOf(process), ...commands].map(({ fd }) => fd);
  return [...words, ...named].flatMap((fd) => (fd === undefined ? [] : [Number(fd)]));
}

test("each channel has two ends: its device's, and the one that the VMM's proxy of this device is told", () => {
  holdsForPlans((plan, spec) => {
    const vmm = plan.processes.at(-1);
    for (const { id } of spec.devices) {
      const ends = plan.processes.flatMap((process) =>
        process.fds.flatMap(({ fd, source }) =>
          source.from === "channel" && source.device === id ? [{ of: process.id, fd }] : [],
        ),
      );
      assert.equal(
        ends.map((end) => end.of),
        [id, VMM_ID],
      );
      const own = vmm === undefined ? [] : objectsOf(vmm).filter((object) => object.driver !== undefined && object.id === id);
      assert.equal(
        own.map(({ fd }) => Number(fd)),
        [ends[1]?.fd],
      );
    }
  });
});

test("no two processes share an identity or a cgroup, and none is the VM's own group", () => {
  holdsForPlans((plan, spec) => {
    const { processes } = plan;
    assert.is(processes.length, spec.devices.length + 1);
    for (const own of ["uid", "gid", "id"] as const)
      assert.is(new Set(processes.map((process) => process[own])).size, processes.length);
    const groups = processes.flatMap(({ cgroup }) => (cgroup === null ? [] : [cgroup.path]));
    assert.is(new Set([...groups, plan.cgroup?.path]).size, groups.length + 1);
    assert.ok(groups.length === 0 || groups.length === processes.length);
    for (const group of groups) assert.ok(group.startsWith(`${plan.cgroup?.path}/`));
  });
});

test.run();
