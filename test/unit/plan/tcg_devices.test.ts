import * as assert from "uvu/assert";
import { PlanError } from "../../../src/errors/index.js";
import { requireTcgDevices } from "../../../src/plan/tcg_devices.js";
import { parseVmText } from "../../../src/spec/index.js";
import { suite } from "../../support/harness.js";

const test = suite("devices under TCG");

const ORIGIN = { file: "web1.yaml", directory: "/vms" };
const BARE = "name: web1\nmachine: {memory: 64M, accel: tcg}\n";
const bare = parseVmText(BARE, ORIGIN);
const withDevice = parseVmText(`${BARE}devices: [{id: net0, role: net, model: e1000, net: {disconnected: true}}]\n`, ORIGIN);
const vmm = (version: string) => ({ accelWhy: "the VM file asks for it", version: `QEMU emulator version ${version} (Debian)` });

for (const version of ["7.2.22", "8.0.0", "8.1.5"]) {
  test(`QEMU ${version}: accepted`, () => requireTcgDevices(withDevice, vmm(version)));
}

for (const version of ["8.2.0", "9.0.1", "10.0.13", "11.1.3"]) {
  test(`QEMU ${version}: refused, since its VMM would crash`, () => {
    try {
      requireTcgDevices(withDevice, vmm(version));
      assert.unreachable("nothing was refused");
    } catch (error) {
      assert.instance(error, PlanError);
      assert.is((error as PlanError).code, "tcg-crashes");
      assert.match((error as PlanError).message, `this is QEMU emulator version ${version}`);
    }
  });
}

test("QEMU 11 without devices: accepted", () => requireTcgDevices(bare, vmm("11.1.3")));

test.run();
