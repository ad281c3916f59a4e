import type { DeviceSpec } from "../spec/index.js";

/**
 * The name by which a role and its program are known among those of a VM: the role's for QEMU's processes, and for a device of
 * another program both, as two programs may have one role.
 */
export function roleKey({ role, program }: { readonly role: string; readonly program?: DeviceSpec["program"] }): string {
  return program === undefined ? role : `${role} ${program}`;
}
