import type { ProcessDirectory } from "../process_directory.js";
import { attempt, type Reading } from "./reading.js";

/** The environment that a process was started with, without its values. */
export interface LiveEnvironment {
  readonly names: readonly string[];
  /** Names of variables whose value is an address with a password in it: `postgres://user:password@host/`. */
  readonly withPassword: readonly string[];
}

/** Environment and arguments together may have 6 MiB on Linux: execve(2), "Limits on size of arguments and environment". */
const ENVIRONMENT_BYTES_MAX = 6 * 1024 * 1024;

const ADDRESS_WITH_PASSWORD = /^[a-z][a-z0-9+.-]*:\/\/[^/@:\s]*:[^/@\s]+@/i;

/** Reads the names; no value leaves this function. What the process changed since its start is not seen. */
export function observeEnvironment(directory: ProcessDirectory): Reading<LiveEnvironment> {
  return attempt(() => {
    const { bytes, whole } = directory.readStart("environ", ENVIRONMENT_BYTES_MAX);
    if (!whole) throw new Error(`environ has more than ${ENVIRONMENT_BYTES_MAX} bytes`);
    return parseEnvironment(bytes.toString("utf8"));
  });
}

/** Exported for its test. */
export function parseEnvironment(text: string): LiveEnvironment {
  const entries = text
    .split("\0")
    .filter((entry) => entry !== "")
    .map((entry) => {
      const equals = entry.indexOf("=");
      // What is no assignment is all value, as where a process wrote its title over it.
      return equals <= 0 ? { name: "", value: entry } : { name: entry.slice(0, equals), value: entry.slice(equals + 1) };
    });
  const named = entries.filter(({ name }) => name !== "");
  return {
    names: named.map(({ name }) => name),
    withPassword: named.filter(({ value }) => ADDRESS_WITH_PASSWORD.test(value)).map(({ name }) => name),
  };
}
