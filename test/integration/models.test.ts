import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { QEMU_GENERATIONS, type QemuGeneration, type QemuRoot, qemuRoot } from "../../src/compliance/lab/index.js";
import { BulkheadError, type LaunchRequest, launch, previewPlan } from "../../src/index.js";
import { listRoles, loadRolePolicy } from "../../src/policy/index.js";
import { createVmCgroup, removeCgroup } from "../../src/sandbox/index.js";
import { suite } from "../support/harness.js";
import { prepareRole, startLoneDevice } from "../support/lone_device.js";
import { type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { repositoryRoot } from "../support/repository.js";

const policyFolder = join(repositoryRoot, "policies");
const NEEDS = ["root", "user-namespaces", "lab"] as const;

/** By device role: its backend in a VM file, and the class codes that its models may have, without the interface. */
const ROLES: Readonly<Record<string, { readonly backend: string; readonly classes: readonly number[] }>> = {
  // Storage of any kind, and the SD host controller, which PCI counts among system peripherals.
  disk: { backend: "disk: {file: IMAGE}", classes: [0x0100, 0x0104, 0x0106, 0x0108, 0x0805] },
  net: { backend: "net: {disconnected: true}", classes: [0x0200] },
  usb: { backend: "usb: {devices: [keyboard, mouse, tablet]}", classes: [0x0c03] },
  audio: { backend: "audio: {none: true}", classes: [0x0401, 0x0403] },
  serial: { backend: "serial: {file: tty.log}", classes: [0x0700] },
  watchdog: { backend: "watchdog: {}", classes: [0x0880] },
};

interface ListedModel {
  readonly role: string;
  readonly model: string;
  /** Of a disk: its image may not be written. */
  readonly readOnly?: true;
}

/** QEMU takes no read-only image for these. */
const WRITABLE_ONLY = ["ich9-ahci", "sdhci-pci"];

/** Every model that a shipped role lists. */
const LISTED: readonly ListedModel[] = listRoles(policyFolder)
  .filter((role) => role !== "vmm")
  .flatMap((role) => loadRolePolicy({ folder: policyFolder, role }).models.map((model) => ({ role, model })));

/** PCI slots of a machine. */
const DEVICES_MAX = 30;
/** A power of two, as an SD card wants it. */
const IMAGE_BYTES = 1024 * 1024;

let fixture: MachineFixture;
const roots = new Map<QemuGeneration, QemuRoot>();

async function setUp(): Promise<void> {
  fixture = await makeFixture();
  for (const generation of QEMU_GENERATIONS) roots.set(generation, await qemuRoot(generation, { progress: () => undefined }));
  for (let index = 0; index < DEVICES_MAX; index++)
    await writeFile(join(fixture.directory, `m${index}.img`), Buffer.alloc(IMAGE_BYTES));
}

function vmText(name: string, accel: string, models: readonly ListedModel[]): string {
  const lines = models.map(({ role, model, readOnly }, index) => {
    const image = `m${index}.img${readOnly === true ? ", readOnly: true" : ""}`;
    const backend = ROLES[role]?.backend.replace("IMAGE", image);
    return `  - {id: d${index}, role: ${role}, model: ${model}, ${backend}}`;
  });
  return `name: ${name}\nmachine: {memory: 64M, accel: ${accel}}\ndevices:\n${lines.join("\n")}\n`;
}

function requestOf(generation: QemuGeneration, text: string): Promise<LaunchRequest> {
  const { binary, root } = roots.get(generation) as QemuRoot;
  return fixture.request(text, { qemu: { program: binary, sysroot: root } });
}

/** QEMU 10 and 11 crash under TCG with a proxied device: a VM of theirs is planned and launched with KVM. */
function accelOf(generation: QemuGeneration): "tcg" | "kvm" {
  return generation === "7.2" ? "tcg" : "kvm";
}

function* chunks<T>(list: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < list.length; start += size) yield list.slice(start, start + size);
}

/** Starts each model alone, reads its identity, and closes its channel. Returns what was wrong, by model. */
async function tryEach(generation: QemuGeneration): Promise<string[]> {
  const wrong: string[] = [];
  for (const models of chunks(LISTED, DEVICES_MAX)) {
    const request = await requestOf(
      generation,
      vmText(vmName(`test-lone-${generation.replace(".", "-")}`), accelOf(generation), models),
    );
    const plan = await previewPlan(request);
    if (plan.cgroup !== null) createVmCgroup(plan.cgroup);
    const parts = new Map<string, Awaited<ReturnType<typeof prepareRole>>>();
    for (const { role } of models) if (!parts.has(role)) parts.set(role, await prepareRole(request, role));
    for (const [index, { role, model }] of models.entries()) {
      const process = plan.processes.find(({ id }) => id === `d${index}`);
      const roleParts = parts.get(role);
      if (process === undefined || roleParts === undefined) throw new Error(`no plan for ${model}`);
      const problem = await judge(role, () =>
        startLoneDevice(process, roleParts, join(fixture.directory, `m${index}.img`)),
      ).catch((error: Error) => error.message);
      if (problem !== null) wrong.push(`${model}: ${problem}`);
    }
    if (plan.cgroup !== null) await removeCgroup(plan.cgroup.path);
  }
  return wrong;
}

async function judge(role: string, start: () => ReturnType<typeof startLoneDevice>): Promise<string | null> {
  const device = await start();
  const vendor = (await device.readConfig(0)) & 0xffff;
  const classCode = (await device.readConfig(8)) >>> 16;
  const status = await device.end();
  if (vendor === 0 || vendor === 0xffff) return `vendor ${vendor.toString(16)}`;
  if (ROLES[role]?.classes.includes(classCode) !== true) return `class ${classCode.toString(16)}`;
  return status.exitCode === 0 ? null : `it ended with ${JSON.stringify(status)}`;
}

/** One VM of many models, verified and running, then ended. */
async function launchMany(generation: QemuGeneration): Promise<void> {
  const one = (model: string): ListedModel => LISTED.find((listed) => listed.model === model) as ListedModel;
  // Two disks of each kind of controller, one of them read-only where that can be; every role.
  const disks = LISTED.filter(({ role }) => role === "disk").flatMap((disk): ListedModel[] => {
    return [disk, WRITABLE_ONLY.includes(disk.model) ? disk : { ...disk, readOnly: true }];
  });
  const others = ["e1000e", "vmxnet3", "virtio-net-pci", "qemu-xhci", "intel-hda", "pci-serial", "i6300esb"].map(one);
  const models = [...disks, ...others];
  const text = vmText(vmName(`test-many-${generation.replace(".", "-")}`), accelOf(generation), models);
  const machine = await launch(await requestOf(generation, text));
  machine.kill();
  await machine.ended;
  assert.is(machine.verified.processes.length, models.length + 1);
  assert.equal(fixture.leftovers(), []);
}

const test = suite("every device model by QEMU generation", { needs: NEEDS, timeoutMs: 90_000 });
test.before(setUp);
test.after(() => fixture.remove());

test("every device role has models here", () => {
  assert.equal([...new Set(LISTED.map(({ role }) => role))].sort(), Object.keys(ROLES).sort());
});

test("QEMU 7.2: each listed model starts confined, tells its vendor and class, and ends with its channel", async () =>
  assert.equal(await tryEach("7.2"), []));

test("QEMU 7.2: two disks of every controller, one read-only, and a device of every role in one VM", () => launchMany("7.2"));

/** Not in any role; what QEMU says of it, and what is said to the user. */
const REFUSED: readonly (readonly [model: string, said: RegExp])[] = [
  ["edu", /QEMU refuses it: MSI is not supported by interrupt controller\. Message-signalled interrupts do not reach/],
  ["nonesuch", /QEMU refuses it: 'nonesuch' is not a valid device model name\./],
  ["virtio-rng-pci", /QEMU would run it, but no role was written for it/],
  ["nvme", /it belongs to the role disk\. Say "role: disk"\.$/],
];

for (const [model, said] of REFUSED) {
  test(`${model} in the role net: refused as bad input, with its place and its reason`, async () => {
    let error: unknown;
    await launch(await requestOf("7.2", vmText(vmName("test-refused"), "tcg", [{ role: "net", model }]))).catch(
      (thrown: unknown) => {
        error = thrown;
      },
    );
    assert.instance(error, BulkheadError);
    assert.is((error as BulkheadError).exitCode, 2);
    assert.match((error as BulkheadError).message, /^test\.yaml:4:\d+: cannot run the device model/);
    assert.match((error as BulkheadError).message, said);
    assert.equal(fixture.leftovers(), []);
  });
}

test.run();

const kvm = suite("every device model by QEMU generation with KVM", { needs: [...NEEDS, "kvm"], timeoutMs: 90_000 });
kvm.before(setUp);
kvm.after(() => fixture.remove());

for (const generation of ["10", "11"] as const) {
  kvm(`QEMU ${generation}: each listed model starts confined, tells its vendor and class, and ends with its channel`, async () =>
    assert.equal(await tryEach(generation), []),
  );

  kvm(`QEMU ${generation}: two disks of every controller, one read-only, and a device of every role in one VM`, () =>
    launchMany(generation),
  );
}

kvm.run();
