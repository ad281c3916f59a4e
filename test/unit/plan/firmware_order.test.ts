import * as assert from "uvu/assert";
import { PlanError } from "../../../src/errors/index.js";
import { orderForFirmware } from "../../../src/plan/firmware_order.js";
import { parseVmText, type VmSpec } from "../../../src/spec/index.js";
import { suite } from "../../support/harness.js";

const test = suite("order in which the firmware finds disks");

/** A VM with one disk per model, `disk0` first, that boots from one of them. */
function vm(boot: string, ...models: string[]): VmSpec {
  const list = models
    .map((model, index) => `  - {id: disk${index}, role: disk, model: ${model}, disk: {file: a.img}}\n`)
    .join("");
  const nic = "  - {id: net0, role: net, model: e1000, net: {disconnected: true}}\n";
  return parseVmText(`name: web1\nmachine: {memory: 64M}\nboot: {disk: ${boot}}\ndevices:\n${nic}${list}`, {
    file: "web1.yaml",
    directory: "/vms",
  });
}

function idsOf(spec: VmSpec): string[] {
  return orderForFirmware(spec).map((device) => device.id);
}

test("the boot disk comes first, the others keep their order", () => {
  assert.equal(idsOf(vm("disk2", "lsi53c895a", "nvme", "lsi53c895a")), ["disk2", "net0", "disk0", "disk1"]);
});

test("without a boot disk devices stay as the VM file has them", () => {
  assert.equal(idsOf({ ...vm("disk1", "nvme", "nvme"), boot: null }), ["net0", "disk0", "disk1"]);
});

test("two models of one driver do not shadow each other", () => {
  assert.equal(idsOf(vm("disk1", "megasas", "megasas-gen2")), ["disk1", "net0", "disk0"]);
  assert.equal(idsOf(vm("disk1", "dc390", "am53c974")), ["disk1", "net0", "disk0"]);
});

/** SeaBIOS's order of drivers; each is refused as a boot disk when the one before it is there. */
const DRIVERS = "ich9-ahci lsi53c895a am53c974 megasas pvscsi mptsas1068 sdhci-pci nvme".split(" ");

DRIVERS.slice(1).forEach((model, index) => {
  const earlier = DRIVERS[index] ?? "";
  test(`a boot disk of ${model} beside one of ${earlier} is refused, the other way round it boots`, () => {
    assert.throws(
      () => orderForFirmware(vm("disk1", earlier, model)),
      (error: unknown) => {
        assert.instance(error, PlanError);
        assert.is((error as PlanError).code, "boot-disk-shadowed");
        assert.match((error as PlanError).message, /^web1\.yaml:3:8: cannot boot from "disk1"/);
        return true;
      },
    );
    assert.equal(idsOf(vm("disk0", earlier, model))[0], "disk0");
  });
});

test.run();
