/** How much a test plays, and of what. */
interface Fuzzing {
  readonly messages: number;
  readonly launches: number;
  readonly seed: number;
  readonly timeoutMs: number;
}

/** A day: `npm run fuzz` takes as long as it was told to. */
const UNHURRIED_MS = 86_400_000;

/** As in `npm test`, but for what scripts/fuzz.mjs says. Without a seed one is drawn, and a failure tells it. */
export function fuzzing(usual: Partial<Fuzzing> & Pick<Fuzzing, "timeoutMs">): Fuzzing {
  const told = (name: string): number | undefined => {
    const text = process.env[`BULKHEAD_FUZZ_${name}`];
    return text === undefined ? undefined : Number(text);
  };
  const seed = told("SEED");
  return {
    messages: told("MESSAGES") ?? usual.messages ?? 0,
    launches: told("LAUNCHES") ?? usual.launches ?? 0,
    seed: seed ?? Date.now() % 2 ** 31,
    timeoutMs: seed === undefined ? usual.timeoutMs : UNHURRIED_MS,
  };
}
