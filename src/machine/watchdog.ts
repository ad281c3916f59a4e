import type { WatchdogAction } from "../spec/index.js";
import type { QmpClient } from "./qmp_client.js";

/**
 * Shortest time between two expiries that are acted upon, in ms. QEMU sends one WATCHDOG event a second at most
 * (monitor_qapi_event_conf, monitor/monitor.c); a process that was taken over need not keep to it.
 */
const EXPIRY_INTERVAL_MS = 1000;

/** Calls `act` when a watchdog's own process tells that it has expired. */
export function onExpiry(monitor: QmpClient, act: () => void): void {
  let actedAtMs = Number.NEGATIVE_INFINITY;
  monitor.onEvent(({ event }) => {
    const nowMs = performance.now();
    if (event !== "WATCHDOG" || nowMs - actedAtMs < EXPIRY_INTERVAL_MS) return;
    actedAtMs = nowMs;
    act();
  });
}

/** What became of an expiry: the action that was taken, and one sentence about it. */
export interface ExpiryOutcome {
  readonly action: WatchdogAction;
  readonly detail: string;
}

const TAKEN: Readonly<Record<WatchdogAction, string>> = {
  stop: "the VM is ended",
  pause: "the VM is paused",
  reset: "the VM is reset",
  none: "nothing is done, as its device says",
};

/** QMP commands of the VMM by action; `stop` ends the whole VM and `none` does nothing. */
const COMMANDS: Readonly<Partial<Record<WatchdogAction, string>>> = { pause: "stop", reset: "system_reset" };

/**
 * Acts on an expired watchdog. Its clock is its own process's and goes on while the VM is paused, so that an expiry then says
 * nothing about the guest. What ends the VM is left to the caller.
 */
export async function actOnExpiry(vmm: QmpClient, action: WatchdogAction): Promise<ExpiryOutcome> {
  try {
    const { running } = (await vmm.execute("query-status")) as { readonly running?: unknown };
    if (running !== true) return { action: "none", detail: "the watchdog expired while the VM does not run: nothing is done" };
    const command = COMMANDS[action];
    if (command !== undefined) await vmm.execute(command);
    return { action, detail: `the watchdog expired: ${TAKEN[action]}` };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { action: "none", detail: `the watchdog expired, and the VMM cannot be told: ${message}` };
  }
}
