import { quoteValue } from "../text/index.js";
import { checkDisk } from "./disk_rules.js";
import { parseSize } from "./size.js";
import type { Report, SoundDevice } from "./vm_rules.js";
import { type DeviceFile, THROTTLE_MAX } from "./vm_schema.js";
import { VMM_ID } from "./vm_spec.js";

/**
 * The kinds of backend. A role of the same name has exactly this key; a role that is not listed is an administrator's, and the
 * policy decides what it needs. Throttles are QEMU's block layer's: nothing would enforce them on another backend.
 */
const BACKENDS = {
  disk: { throttled: true },
  net: { throttled: false },
  serial: { throttled: false },
  usb: { throttled: false },
  audio: { throttled: false },
  watchdog: { throttled: false },
} as const satisfies Partial<Record<keyof DeviceFile, { readonly throttled: boolean }>>;
type BackendKey = keyof typeof BACKENDS;
const BACKEND_KEYS = Object.keys(BACKENDS) as readonly BackendKey[];

const SIZE_LIMITS = ["readBytesPerSecond", "writeBytesPerSecond"] as const;

/** What devices say together, and what the keys of one device say of each other. */
export function findBrokenDeviceRules(devices: readonly SoundDevice[], report: Report): void {
  for (const sound of devices) {
    checkEmulator(sound, report);
    checkBackend(sound, report);
    checkLimits(sound, report);
    checkNet(sound, report);
    checkPeripherals(sound, report);
    checkDisk(sound, report);
    if (sound.device.id === VMM_ID) {
      report(
        ["devices", sound.index, "id"],
        `the id "${VMM_ID}" is reserved for the process that emulates the CPU; choose another`,
      );
    }
  }
  const remedies = {
    id: "give each device its own",
    tap: "a tap serves one device",
    mac: "two cards with one address cannot share a network",
  };
  const ids = devices.map(({ index, device }) => ({ path: ["devices", index, "id"], value: device.id }));
  refuseRepeated(ids, `device id; ${remedies.id}`, report);
  const nets = devices.flatMap(({ index, device }) => (device.net === undefined ? [] : [{ index, net: device.net }]));
  const taps = nets.map(({ index, net }) => ({ path: ["devices", index, "net", "tap"], value: net.tap }));
  refuseRepeated(taps, `tap; ${remedies.tap}`, report);
  const macs = nets.map(({ index, net }) => ({ path: ["devices", index, "net", "mac"], value: net.mac?.toLowerCase() }));
  refuseRepeated(macs, `MAC address; ${remedies.mac}`, report);
}

interface Claim {
  readonly path: readonly PropertyKey[];
  readonly value: string | undefined;
}

function refuseRepeated(claims: readonly Claim[], what: string, report: Report): void {
  const holders = new Map<string, PropertyKey>();
  for (const { path, value } of claims) {
    if (value === undefined) continue;
    const holder = holders.get(value);
    if (holder !== undefined) report(path, `${quoteValue(value)}: devices[${String(holder)}] has the same ${what}`);
    else holders.set(value, path[1] ?? 0);
  }
}

/** QEMU's model or another program: one of the two. */
function checkEmulator({ index, device }: SoundDevice, report: Report): void {
  const { model, program } = device;
  const path = ["devices", index];
  if (model !== undefined && program !== undefined)
    report([...path, "program"], `devices[${index}] has a model of QEMU's and a program in its place; keep one of the two`);
  if (model === undefined && program === undefined)
    report(path, `devices[${index}] lacks the key "model"; add it: it is a QEMU device model such as lsi53c895a or e1000`);
}

function checkBackend({ index, device }: SoundDevice, report: Report): void {
  const given = BACKEND_KEYS.filter((key) => device[key] !== undefined);
  if (device.program !== undefined) {
    for (const key of given)
      report(["devices", index, key], `a device of a program has no key "${key}": only QEMU's models have backends; remove it`);
    if (Object.keys(device.limits).length > 0)
      report(["devices", index, "limits"], `limits apply to disks, and devices[${index}] is a program's; remove them`);
    return;
  }
  const expected = BACKEND_KEYS.find((key) => key === device.role);
  if (expected !== undefined && device[expected] === undefined) {
    report(["devices", index], `devices[${index}] has the role "${expected}" and lacks the key "${expected}"; add it`);
  }
  if (expected !== undefined) {
    for (const key of given.filter((other) => other !== expected)) {
      report(
        ["devices", index, key],
        `a device of role "${expected}" has no key "${key}"; remove it, or move it to a device of its own`,
      );
    }
  } else if (given.length > 1) {
    report(["devices", index], `devices[${index}] has ${given.join(" and ")}; one process serves one backend: make two devices`);
  }
}

function checkLimits({ index, device }: SoundDevice, report: Report): void {
  const limits = Object.keys(device.limits);
  const unthrottled = BACKEND_KEYS.find((key) => !BACKENDS[key].throttled && (device[key] !== undefined || device.role === key));
  if (limits.length > 0 && unthrottled !== undefined) {
    report(["devices", index, "limits"], `limits apply to disks, and devices[${index}] is of kind "${unthrottled}"; remove them`);
  }
  for (const key of SIZE_LIMITS) {
    const written = device.limits[key];
    if (written === undefined || (parseSize(written) ?? Infinity) <= THROTTLE_MAX) continue;
    report(
      ["devices", index, "limits", key],
      `${key} is ${written}; the largest limit that QEMU takes is ${THROTTLE_MAX} bytes per second`,
    );
  }
}

function checkNet({ index, device }: SoundDevice, report: Report): void {
  if (device.net === undefined) return;
  const { tap, disconnected, mac } = device.net;
  const path = ["devices", index, "net"];
  if (tap !== undefined && disconnected) report(path, `devices[${index}].net has a tap and is disconnected; keep one of the two`);
  if (tap === undefined && !disconnected)
    report(path, `devices[${index}].net lacks its other end; add "tap: NAME" or "disconnected: true"`);
  if (mac !== undefined && /^[0:]+$/.test(mac))
    report([...path, "mac"], `${mac} is no address of a card; choose one such as 52:54:00:12:34:56`);
}

function checkPeripherals({ index, device }: SoundDevice, report: Report): void {
  const { serial, usb } = device;
  const path = ["devices", index];
  if (serial?.file !== undefined && serial.pipe !== undefined)
    report([...path, "serial"], `devices[${index}].serial has a file and a pipe; keep one of the two`);
  if (serial !== undefined && serial.file === undefined && serial.pipe === undefined)
    report([...path, "serial"], `devices[${index}].serial leads nowhere; add "file: PATH" or "pipe: PATH"`);
  usb?.devices.forEach((kind, place) => {
    if (usb.devices.indexOf(kind) === place) return;
    report([...path, "usb", "devices", place], `devices[${index}].usb has two of ${kind}; one process needs one`);
  });
}
