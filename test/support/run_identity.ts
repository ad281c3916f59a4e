import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";

/**
 * Sets what this test file makes on the host apart from what another run makes, or an earlier one left. The runner gives it
 * (scripts/test/run_file.mjs); a file that is run by hand makes its own.
 */
const RUN_ID = process.env["BULKHEAD_TEST_RUN"] ?? randomBytes(3).toString("hex");

/** Where this file's states go, so that the runner finds every VM that the file leaves, however it ends. */
export const STATES_FOLDER = process.env["BULKHEAD_TEST_FOLDER"] ?? tmpdir();

/** A name that is this run's alone, for what shares one name space on the host: groups of VMs, taps. */
export function hostWideName(subject: string): string {
  return `${subject}-${RUN_ID}`;
}

/** The same for a network interface: 15 characters at most (IFNAMSIZ, include/uapi/linux/if.h), so `prefix` has up to 9. */
export function interfaceName(prefix: string): string {
  return `${prefix}${RUN_ID}`;
}
