import * as assert from "uvu/assert";
import { PlanError } from "../../../src/errors/index.js";
import { wireDevice } from "../../../src/plan/wire_device.js";
import type { ModelledDevice } from "../../../src/spec/index.js";
import { NO_BACKENDS } from "../../support/device_backends.js";
import { suite } from "../../support/harness.js";

const test = suite("wiring of a device and its backend");

const locate = (key: string): string => `web1.yaml:${key}`;
const BACKEND = { fd: 5, imageKind: "file", vm: "web1", locate } as const;
const NO_BACKEND = { fd: null, imageKind: null, vm: "web1", locate } as const;

function disk(model: string, readOnly = false): ModelledDevice {
  const image = { file: "a,b.img", format: "raw", readOnly, backing: [] } as const;
  return { ...NO_BACKENDS, id: "d", role: "disk", model, disk: image, limits: {} };
}

function net(mac: string | null, id = "n"): ModelledDevice {
  return { ...NO_BACKENDS, id, role: "net", model: "e1000", net: { kind: "tap", tap: "tap0", mac }, limits: {} };
}

/** Every medium names its drive, and the drive is the one that blockdev-add makes. */
for (const model of ["lsi53c895a", "ich9-ahci", "nvme"]) {
  test(`disk role: ${model} takes its medium from the node that is attached`, () => {
    const { devices, attach } = wireDevice(disk(model), BACKEND);
    assert.is(devices[0]?.["driver"], model);
    assert.is(devices[0]?.["id"], "d", "the controller has the device's own id: x-remote-object looks for it");
    assert.is(devices.at(-1)?.["drive"], attach[0]?.arguments?.["node-name"]);
    if (devices.length > 1) assert.is(devices[1]?.["bus"], "d.0");
  });
}

for (const readOnly of [false, true]) {
  test(`disk role: readOnly ${readOnly} holds for the format node and the file node, and QEMU may not change it`, () => {
    const [command] = wireDevice(disk("nvme", readOnly), BACKEND).attach;
    const node = command?.arguments as Record<string, unknown>;
    for (const part of [node, node["file"] as Record<string, unknown>]) {
      assert.is(part["read-only"], readOnly);
      assert.is(part["auto-read-only"], false);
    }
  });
}

test("disk role: a block device is opened as one, and never by its path", () => {
  for (const [imageKind, driver] of [["file", "file"] as const, ["block", "host_device"] as const]) {
    const file = wireDevice(disk("nvme"), { ...BACKEND, imageKind }).attach[0]?.arguments?.["file"] as Record<string, unknown>;
    assert.is(file["driver"], driver);
    assert.is(file["filename"], "/dev/fdset/1");
    assert.is(file["locking"], "on");
  }
});

test("disk role: a model without a known bus is refused", () => {
  assert.throws(
    () => wireDevice(disk("constructor"), BACKEND),
    (error: unknown) => error instanceof PlanError && error.code === "model-unknown" && error.subject === "constructor",
  );
});

test("net role: the MAC of the VM file is used, another is derived from VM and device and stays", () => {
  const macOf = (device: ModelledDevice, vm: string) => wireDevice(device, { ...NO_BACKEND, vm }).devices[0]?.["mac"];
  assert.is(macOf(net("52:54:00:00:00:01"), "web1"), "52:54:00:00:00:01");
  const derived = macOf(net(null), "web1");
  assert.match(String(derived), /^52:54:00(:[0-9a-f]{2}){3}$/);
  assert.is(macOf(net(null), "web1"), derived);
  assert.is.not(macOf(net(null), "web2"), derived);
  assert.is.not(macOf(net(null, "m"), "web1"), derived);
});

test("net role: no boot ROM is read", () => {
  assert.is(wireDevice(net(null), BACKEND).devices[0]?.["romfile"], "");
});

test("net role: the tap goes by its fd, and a card without one has no netdev", () => {
  const wired = wireDevice(net(null), BACKEND);
  assert.equal(wired.attach, [{ execute: "netdev_add", arguments: { type: "tap", id: "n-netdev", fd: "5" } }]);
  assert.is(wired.devices[0]?.["netdev"], "n-netdev");
  const alone = wireDevice(net(null), NO_BACKEND);
  assert.equal(alone.attach, []);
  assert.not.ok("netdev" in (alone.devices[0] ?? {}));
});

test("a device without a backend is its model alone", () => {
  const wired = wireDevice({ ...NO_BACKENDS, id: "r", role: "rng", model: "virtio-rng-pci", limits: {} }, NO_BACKEND);
  assert.equal(wired, { options: [], devices: [{ driver: "virtio-rng-pci", id: "r" }], attach: [] });
});

test.run();
