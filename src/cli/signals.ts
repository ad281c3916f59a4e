import type { RunningMachine } from "../machine/index.js";

/** SIGHUP: the terminal is gone, and with it who watched the VM. */
export const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Ends the machine in order at the first of these signals, and at once at the second. The result ends that. */
export function forwardSignals(machine: RunningMachine): () => void {
  const stop = (): void => void machine.stop();
  for (const signal of ENDING_SIGNALS) process.on(signal, stop);
  return () => {
    for (const signal of ENDING_SIGNALS) process.off(signal, stop);
  };
}
