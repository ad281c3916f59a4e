import { addon, isSystemError } from "../kernel/index.js";

/** The core-scheduling cookie of a thread; null where the kernel has no core scheduling. */
export function readCookie(tid: number): bigint | null {
  try {
    return addon.coreCookie({ pid: tid });
  } catch (error) {
    if (isSystemError(error)) return null;
    throw error;
  }
}
