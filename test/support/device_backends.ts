import type { DeviceSpec } from "../../src/spec/index.js";

/** A device that has none of the backends; a test gives it the one that it is about. */
export const NO_BACKENDS: Pick<DeviceSpec, "disk" | "net" | "serial" | "usb" | "audio" | "watchdog"> = {
  disk: null,
  net: null,
  serial: null,
  usb: null,
  audio: null,
  watchdog: null,
};
