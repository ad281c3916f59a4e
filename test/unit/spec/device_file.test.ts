import * as assert from "uvu/assert";
import { SpecError } from "../../../src/errors/index.js";
import { addDeviceToSpec, parseDeviceText, parseVmText } from "../../../src/spec/index.js";
import { suite } from "../../support/harness.js";

const test = suite("device file");

const ORIGIN = { file: "disk2.yaml", directory: "/vms/more" };
const VM = parseVmText(
  "name: web1\nmachine: {memory: 64M}\ndevices:\n" +
    '  - {id: net0, role: net, model: e1000, net: {tap: tap0, mac: "52:54:00:00:00:01"}}\n',
  { file: "web1.yaml", directory: "/vms" },
);

test("an entry of `devices` as in a VM file, with its defaults and its own positions", () => {
  const { device, source } = parseDeviceText("id: disk2\nrole: disk\nmodel: nvme\ndisk: {file: a.img}\n", ORIGIN);
  assert.equal(device.disk, { file: "a.img", format: "raw", readOnly: false, backing: [] });
  assert.is(source.locate(["disk", "file"]), "disk2.yaml:4:8");
});

for (const [what, text, said] of [
  ["an unknown key", "{id: a, role: disk, model: nvme, disc: {file: a}}", /disk2\.yaml:1:\d+: unknown key "disc"/],
  ["a missing backend", "{id: a, role: disk, model: nvme}", /has the role "disk" and lacks the key "disk"/],
  ["a reserved id", "{id: vmm, role: disk, model: nvme, disk: {file: a}}", /disk2\.yaml:1:2: the id "vmm" is reserved/],
  ["a list", "[{id: a}]", /not keys/],
  ["nothing", "", /empty/],
] as const) {
  test(`${what}: refused with its place`, () => {
    assert.throws(
      () => parseDeviceText(text, ORIGIN),
      (error: unknown) => error instanceof SpecError && said.test(error.message),
    );
  });
}

for (const [what, text] of [
  ["the id", "{id: net0, role: disk, model: nvme, disk: {file: a}}"],
  ["the tap", "{id: net1, role: net, model: e1000, net: {tap: tap0}}"],
  ["the address", '{id: net1, role: net, model: e1000, net: {disconnected: true, mac: "52:54:00:00:00:01"}}'],
] as const) {
  test(`${what} of a device that the VM has: refused`, () => {
    assert.throws(
      () => addDeviceToSpec(VM, parseDeviceText(text, ORIGIN)),
      (error: unknown) => error instanceof SpecError && error.code === "device-conflict",
    );
  });
}

test("a VM with one device more: positions of both files, paths from the device file's directory", () => {
  const added = parseDeviceText("{id: net1, role: net, model: e1000, net: {disconnected: true}}", ORIGIN);
  const spec = addDeviceToSpec(VM, added);
  assert.equal(
    spec.devices.map(({ id }) => id),
    ["net0", "net1"],
  );
  assert.match(spec.source.locate(["devices", 1, "model"]), "disk2.yaml:1:");
  assert.match(spec.source.locate(["devices", 0, "model"]), "web1.yaml:4:");
  assert.is(spec.source.directory, "/vms/more");
});

test.run();
