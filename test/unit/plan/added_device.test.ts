import * as assert from "uvu/assert";
import { PlanError } from "../../../src/errors/index.js";
import type { HostFacts } from "../../../src/host/index.js";
import { planAddedDevice, planLaunch, planWithoutDevice } from "../../../src/plan/index.js";
import { parseVmText, type VmSpec } from "../../../src/spec/index.js";
import { planInputs } from "../../golden/plan_fixtures.js";
import { suite } from "../../support/harness.js";

const test = suite("a device that is added to a VM that runs");

const GIB = 1024 ** 3;
const FIRST = "  - {id: net0, role: net, model: e1000, net: {disconnected: true}}\n";

function specOf(devices: string): VmSpec {
  const text = `name: web1\nmachine: {memory: 1G, cpus: 2, hotPlugSlots: 1}\ndevices:\n${devices}`;
  return parseVmText(text, { file: "web1.yaml", directory: "/vms" });
}

const running = planLaunch(planInputs(specOf(FIRST)));

function add(device: string, facts: Partial<HostFacts> = {}) {
  const spec = specOf(`${FIRST}  - ${device}\n`);
  const added = spec.devices.at(-1);
  if (added === undefined) throw new Error("no device");
  return planAddedDevice(planInputs(spec, facts), running, added);
}

const SERIAL = "{id: com0, role: serial, model: pci-serial, serial: {file: com0.log}}";

test("the VM's limits grow by what the device may use, as if it had been there from the start, and shrink with it again", () => {
  const { plan } = add(SERIAL);
  assert.equal(plan.cgroup, planLaunch(planInputs(specOf(`${FIRST}  - ${SERIAL}\n`))).cgroup);
  assert.not.equal(plan.cgroup, running.cgroup);
  assert.equal(planWithoutDevice(plan, "com0"), running);
});

test("a serial port gets a line of its own, and the slot that is free", () => {
  const { process, join } = add(SERIAL);
  assert.equal(process.fds.at(-1)?.source, { from: "serial" });
  assert.is(process.hotPlugSlot, 0);
  assert.equal(join.arguments, { driver: "x-pci-proxy-dev", id: "com0", fd: "com0", bus: "port-0" });
});

for (const [what, facts] of [
  ["memory", { memoryBytes: GIB / 2 }],
  ["CPUs", { cpus: 1 }],
] as const) {
  test(`a host that has less ${what} than the machine by now gives it nothing more`, () => {
    assert.throws(
      () => add(SERIAL, facts),
      (error: unknown) => error instanceof PlanError && error.code === "beyond-host",
    );
  });
}

test.run();
