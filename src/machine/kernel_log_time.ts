import { uptime } from "node:os";

/** Ticks of proc_pid_stat(5) in a second: USER_HZ, include/uapi/asm-generic/param.h. */
const TICKS_PER_SECOND = 100;
/** The log's clock is not disciplined; NTP slews the other by 500 ppm at most (adjtimex(2)), and a bad TSC calibration is no worse. */
const DRIFT_MAX = 1 / 1000;
const ROUNDING_US = 1_000_000;

/**
 * Earliest stamp, in us, that a record of the kernel's log can have which is of the process that started at `startTime` (clock
 * ticks since boot, suspension included, which the log's clock leaves out). What is older is of an earlier process with its pid.
 */
export function logTimeOfStart(startTime: string): number {
  const uptimeUs = uptime() * 1e6;
  const suspendedUs = Math.max(0, uptimeUs - Number(process.hrtime.bigint() / 1000n));
  const startUs = (Number(startTime) / TICKS_PER_SECOND) * 1e6;
  return startUs - suspendedUs - uptimeUs * DRIFT_MAX - ROUNDING_US;
}
