import { ProtocolError } from "../../errors/index.js";
import { profileOf } from "./device_profile.js";
import { type ConformanceResult, Deviation, type Exchange, type Session } from "./exchange.js";
import { CONFIG_EXCHANGES } from "./exchanges/config_space.js";
import { MEMORY_EXCHANGES } from "./exchanges/guest_memory.js";
import { INTERRUPT_EXCHANGES } from "./exchanges/interrupts.js";
import { REGISTER_EXCHANGES } from "./exchanges/registers.js";
import type { VmmDriver } from "./vmm_driver.js";

/** What a VMM and a device must be able to do together, in the order in which it is played. */
export const EXCHANGES: readonly Exchange[] = [
  ...CONFIG_EXCHANGES,
  ...REGISTER_EXCHANGES,
  ...INTERRUPT_EXCHANGES,
  ...MEMORY_EXCHANGES,
];

/**
 * Plays every exchange through one pair, from a reset each. `open` makes a pair, at first and whenever the one before is gone;
 * whoever made it closes it. Throws what is no answer of either end.
 */
export async function playExchanges(
  open: () => Promise<VmmDriver>,
  onResult?: (result: ConformanceResult) => void,
): Promise<ConformanceResult[]> {
  const results: ConformanceResult[] = [];
  let vmm: VmmDriver | null = null;
  for (const { id, rule, needs, play } of EXCHANGES) {
    const outcome = await outcomeOf(async () => {
      if (vmm?.isOpen !== true) vmm = await open();
      const session = { vmm, profile: profileOf(await vmm.readConfig(0, 4)) };
      const lacking = lacks(session, needs);
      if (lacking !== null) return lacking;
      await vmm.reset();
      await play(session);
      return null;
    });
    const result = { id, rule, ...outcome };
    onResult?.(result);
    results.push(result);
  }
  return results;
}

async function outcomeOf(play: () => Promise<string | null>): Promise<Pick<ConformanceResult, "verdict" | "evidence">> {
  try {
    const lacking = await play();
    return lacking === null ? { verdict: "passed", evidence: "" } : { verdict: "inapplicable", evidence: lacking };
  } catch (error) {
    if (!(error instanceof Deviation || error instanceof ProtocolError)) throw error;
    return { verdict: "failed", evidence: error.message };
  }
}

/** What the two ends lack; null: nothing. */
function lacks({ vmm, profile }: Session, needs: Exchange["needs"]): string | null {
  if (needs.includes("profile") && profile === null) return "the device is none whose registers are known";
  if (needs.includes("interrupts") && vmm.interrupts === null) return "the VMM does not show its eventfds";
  if (needs.includes("layout") && vmm.place === null) return "the VMM does not place memory as it is asked to";
  return null;
}
