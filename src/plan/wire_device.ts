import type { ModelledDevice } from "../spec/index.js";
import type { BackendFacts, DeviceWiring } from "./device_wiring.js";
import { wireDisk } from "./disk_wiring.js";
import { wireNet } from "./net_wiring.js";
import { wireAudio, wireSerial, wireUsb, wireWatchdog } from "./peripheral_wiring.js";

/**
 * Wires a device the way QEMU wants its model; one without a backend, which only an administrator's own role allows, as it is.
 * Throws PlanError "model-unknown" for a disk whose bus is not known, and "image-not-read-only".
 */
export function wireDevice(device: ModelledDevice, backend: BackendFacts): DeviceWiring {
  if (device.disk !== null) return wireDisk(device, device.disk, backend);
  if (device.net !== null) return wireNet(device, device.net, backend);
  if (device.serial !== null) return wireSerial(device, backend);
  if (device.usb !== null) return wireUsb(device, device.usb);
  if (device.audio !== null) return wireAudio(device);
  if (device.watchdog !== null) return wireWatchdog(device);
  return { options: [], devices: [{ driver: device.model, id: device.id }], attach: [] };
}
