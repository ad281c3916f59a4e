import type { DeviceProfile } from "./device_profile.js";
import type { VmmDriver } from "./vmm_driver.js";

/** The two ends that an exchange is played through. */
export interface Session {
  readonly vmm: VmmDriver;
  /** Of a device that is known; null: it is only asked what every PCI device answers. */
  readonly profile: DeviceProfile | null;
}

/** What an exchange needs beyond two ends: a known device, a VMM that shows interrupts, a VMM that can place memory anew. */
export type ExchangeNeed = "profile" | "interrupts" | "layout";

/** Something that a VMM and a device do together, and what must come of it whoever they are. */
export interface Exchange {
  readonly id: string;
  /** What must hold, as docs/protocol.md says it. */
  readonly rule: string;
  readonly needs: readonly ExchangeNeed[];
  /** Throws Deviation for what does not hold, and what the ends throw. */
  play(session: Session): Promise<void>;
}

/** What one exchange, or one case of the wire, showed. */
export interface ConformanceResult {
  readonly id: string;
  readonly rule: string;
  /** "inapplicable": one of the ends lacks what it takes, or was gone. */
  readonly verdict: "passed" | "failed" | "inapplicable";
  /** What was seen instead, or what is lacking; empty for "passed". */
  readonly evidence: string;
}

/** What was seen is not what must hold. */
export class Deviation extends Error {}

/** Throws Deviation unless both are the same. */
export function expectSame(what: string, seen: number | bigint | string, expected: number | bigint | string): void {
  if (seen === expected) return;
  throw new Deviation(`${what} is ${shown(seen)} instead of ${shown(expected)}`);
}

/** Throws Deviation unless it holds. */
export function expectThat(holds: boolean, what: string): void {
  if (!holds) throw new Deviation(what);
}

function shown(value: number | bigint | string): string {
  return typeof value === "string" ? JSON.stringify(value) : `0x${value.toString(16)}`;
}
