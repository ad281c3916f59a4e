import fc from "fast-check";
import type { HostFacts } from "../../src/host/index.js";
import { type BootSpec, type DeviceSpec, USB_DEVICES, type VmSpec, WATCHDOG_ACTIONS } from "../../src/spec/index.js";
import { FULL_HOST } from "../golden/plan_fixtures.js";
import { NO_BACKENDS } from "../support/device_backends.js";

/** Stands in every path of a generated VM, so that a path that leaks is found wherever it went, escaped or not. */
export const PATH_MARK = "PATHMARK";

/** What QEMU's own option syntax, a shell, JSON or a kernel command line could take for more than text. */
const HOSTILE = [",", "=", ",fd=9", "=on,", '"', "\\", "'", " ", "-device", "{", "}", "%s", "$(id)", "\n", "é", "/", ".."];

/** Plain objects, as parsing gives them. */
function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true });
}

const text = fc
  .array(fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ maxLength: 4 })), { maxLength: 6 })
  .map((t) => t.join(""));
const path = text.map((inner) => `${PATH_MARK}${inner}`);
const oneLine = text.map((line) => line.replaceAll("\n", " "));
/** Text of a few characters; fc.stringMatching is ten times slower. */
function word(characters: string, size: { readonly min: number; readonly max: number }): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...characters), minLength: size.min, maxLength: size.max });
}

const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const tapName = word(`!"#$&'()*+,-.0123456789;<=>?@AZ[\\]^_\`az{|}~`, { min: 1, max: 15 });
const mac = fc.constantFrom(null, "52:54:00:12:34:56", "02:00:00:00:00:01");

const DISK_MODELS = `lsi53c895a am53c974 dc390 megasas megasas-gen2 mptsas1068 pvscsi nvme`.split(" ");
/** QEMU refuses a read-only image for these. */
const WRITABLE_MODELS = ["ich9-ahci", "sdhci-pci"];
const perSecond = fc.option(fc.integer({ min: 1, max: 1e9 }), { nil: undefined });
const limits = record({ readBytesPerSecond: perSecond, writeBytesPerSecond: perSecond, writeOperationsPerSecond: perSecond }).map(
  (all): DeviceSpec["limits"] => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)),
);

const format = fc.constantFrom("raw" as const, "qcow2" as const);
const backing = fc.constant([]);
const diskDevice = fc.oneof(
  record({
    model: fc.constantFrom(...DISK_MODELS),
    disk: record({ file: path, format, readOnly: fc.boolean(), backing }),
    limits,
  }),
  record({
    model: fc.constantFrom(...WRITABLE_MODELS),
    disk: record({ file: path, format, readOnly: fc.constant(false), backing }),
    limits,
  }),
);
const anyModel = word(`${LETTERS}AZ09`, { min: 1, max: 10 });
const net = fc.oneof(
  record({ kind: fc.constant("tap" as const), tap: tapName, mac }),
  record({ kind: fc.constant("disconnected" as const), mac }),
);
const serial = fc.oneof(
  record({ kind: fc.constant("file" as const), file: path }),
  record({ kind: fc.constant("pipe" as const), path }),
);
const usb = record({ devices: fc.subarray([...USB_DEVICES]) });
const audio = record({ kind: fc.constant("none" as const) });
const watchdog = record({ action: fc.constantFrom(...WATCHDOG_ACTIONS) });

/** A device of each role, with the one backend of its role. */
const anyDevice: fc.Arbitrary<Omit<DeviceSpec, "id">> = fc.oneof(
  diskDevice.map((device) => ({ ...NO_BACKENDS, role: "disk", ...device })),
  ...Object.entries({ net, serial, usb, audio, watchdog }).map(([role, backend]) =>
    fc
      .tuple(anyModel, backend as fc.Arbitrary<object>)
      .map(([model, value]): Omit<DeviceSpec, "id"> => ({ ...NO_BACKENDS, role, model, limits: {}, [role]: value })),
  ),
);

const devices = fc.uniqueArray(
  fc.tuple(word(LETTERS, { min: 1, max: 16 }), anyDevice).map(([id, rest]) => ({ id, ...rest })),
  { selector: (device) => device.id, maxLength: 6 },
);

const kernelBoot = record({
  kind: fc.constant("kernel" as const),
  file: path,
  initrd: fc.option(path),
  append: fc.option(oneLine),
});

/** A kernel, a disk of the VM that the firmware may find shadowed, or neither. */
function bootOf(list: readonly DeviceSpec[]): fc.Arbitrary<BootSpec | null> {
  const disks = list.filter((device) => device.disk !== null).map((device) => device.id);
  if (disks.length === 0) return fc.oneof(fc.constant(null), kernelBoot);
  return fc.oneof(
    fc.constant(null),
    kernelBoot,
    fc.constantFrom(...disks).map((disk) => ({ kind: "disk" as const, disk })),
  );
}

/** VMs as a VM file gives them after its check, with the worst strings that the check lets through. */
export const vmSpecs: fc.Arbitrary<VmSpec> = devices
  .filter((list) => list.every((device) => device.id !== "vmm"))
  .chain((list) =>
    record({
      name: word(`${LETTERS}019`, { min: 1, max: 32 }),
      machine: record({
        memoryBytes: fc.integer({ min: 1, max: 65_536 }).map((mebibytes) => mebibytes * 1024 ** 2),
        cpus: fc.integer({ min: 1, max: 64 }),
        accel: fc.constantFrom("auto" as const, "tcg" as const),
      }),
      boot: bootOf(list),
      console: record({
        serial: fc.oneof(
          fc.constantFrom({ kind: "none" as const }, { kind: "stdio" as const }),
          record({ kind: fc.constant("file" as const), file: path }),
        ),
      }),
      devices: fc.constant(list),
      require: fc.constant([]),
      onDeviceExit: fc.constantFrom("stop" as const, "pause" as const),
      hangDeadlineMs: fc.integer({ min: 1000, max: 600_000 }),
      shutdownGraceMs: fc.nat(600_000),
      source: fc.constant({ file: "generated.yaml", directory: "/vms", locate: () => "generated.yaml:1:1" }),
    }),
  );

/** Hosts that can give more or less. */
export const hostFacts: fc.Arbitrary<Partial<HostFacts>> = record({
  landlockAbi: fc.integer({ min: 0, max: 8 }),
  kvm: fc.constantFrom<HostFacts["kvm"]>({ available: true }, { available: false, why: "no /dev/kvm" }),
  cgroup: fc.constantFrom<HostFacts["cgroup"]>(
    FULL_HOST.cgroup,
    { kind: "v2", mount: "/sys/fs/cgroup/unified", controllers: ["pids"], why: "cgroup v1 holds the others" },
    { kind: "none", why: "no cgroup v2" },
  ),
});
