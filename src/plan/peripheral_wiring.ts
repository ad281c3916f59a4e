import type { ModelledDevice, UsbDevice, UsbSpec } from "../spec/index.js";
import type { BackendFacts, DeviceWiring } from "./device_wiring.js";

/** The port's other end is a socket to the launcher, which writes what comes from it within bounds. */
export function wireSerial(device: ModelledDevice, backend: BackendFacts): DeviceWiring {
  const chardev = `${device.id}-line`;
  const options = ["-chardev", `socket,id=${chardev},fd=${backend.fd}`];
  return { options, devices: [{ driver: device.model, id: device.id, chardev }], attach: [] };
}

const USB_DRIVERS: Readonly<Record<UsbDevice, string>> = { keyboard: "usb-kbd", mouse: "usb-mouse", tablet: "usb-tablet" };

/** All of them at the speed of the controller: `usb_version` 2 is the default of QEMU's input devices (hw/usb/dev-hid.c). */
export function wireUsb(device: ModelledDevice, usb: UsbSpec): DeviceWiring {
  const plugged = usb.devices.map((kind) => ({
    driver: USB_DRIVERS[kind],
    id: `${device.id}-${kind}`,
    bus: `${device.id}.0`,
  }));
  return { options: [], devices: [{ driver: device.model, id: device.id }, ...plugged], attach: [] };
}

/** Models that are controllers of codecs; all others are codec and controller in one. */
const HDA_CONTROLLERS: readonly string[] = ["intel-hda", "ich9-intel-hda"];

/** Sound that is played to nobody, at the pace of a real card: a guest's audio stack works, and no sound server is reached. */
export function wireAudio(device: ModelledDevice): DeviceWiring {
  const audiodev = `${device.id}-sink`;
  const options = ["-audiodev", JSON.stringify({ driver: "none", id: audiodev })];
  const card = { driver: device.model, id: device.id };
  if (!HDA_CONTROLLERS.includes(device.model)) return { options, devices: [{ ...card, audiodev }], attach: [] };
  const codec = { driver: "hda-duplex", id: `${device.id}-codec`, bus: `${device.id}.0`, audiodev };
  return { options, devices: [card, codec], attach: [] };
}

/**
 * A remote process handles configuration writes itself (pci_default_write_config in process_config_write, hw/remote/message.c, of
 * QEMU 7.2 to 11.1) and does not tell the device, which starts at one: hw/watchdog/wdt_i6300esb.c, i6300esb_config_write.
 */
const NEVER_STARTS = "QEMU's device process does not pass the guest's configuration writes on: this watchdog never starts";
const NEVER_STARTED: readonly string[] = ["i6300esb"];

/** Expiry is told and nothing else: this process has no CPU to reset. The launcher acts on its event. */
export function wireWatchdog(device: ModelledDevice): DeviceWiring {
  const warning = NEVER_STARTED.includes(device.model) ? { warning: NEVER_STARTS } : {};
  return { options: ["-action", "watchdog=none"], devices: [{ driver: device.model, id: device.id }], attach: [], ...warning };
}
