import { fileURLToPath } from "node:url";

/** The device process that attacks, from dist/src/kernel/ to where set-up builds it: native/hostile_device/hostile_device.cc. */
export const HOSTILE_DEVICE_PROGRAM = fileURLToPath(
  new URL("../../../native/build/hostile_device/hostile_device", import.meta.url),
);
