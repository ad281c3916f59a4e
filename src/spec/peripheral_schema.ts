import type { Zod } from "./deferred_zod.js";
import { choice, mapping, path } from "./schema_terms.js";
import { USB_DEVICES, WATCHDOG_ACTIONS } from "./vm_spec.js";

/** Backends of the roles that reach neither an image nor a network: their keys in a device of a VM file. */

export function serialLineSchema(z: Zod) {
  return mapping(z, { file: z.optional(path(z)), pipe: z.optional(path(z)) }).check(
    z.meta({ oneOf: [{ required: ["file"] }, { required: ["pipe"] }] }),
  );
}

export function usbSchema(z: Zod) {
  return mapping(z, { devices: z._default(z.array(choice(z, USB_DEVICES), "a list of USB devices"), []) });
}

export function audioSchema(z: Zod) {
  return mapping(z, { none: z.literal(true, "true") });
}

export function watchdogSchema(z: Zod) {
  return mapping(z, { action: z._default(choice(z, WATCHDOG_ACTIONS), "reset") });
}
