/** Takes every step, in order, whatever becomes of the ones before; returns what they threw. */
export async function collectFailures(steps: readonly (() => unknown)[]): Promise<unknown[]> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  return failures;
}
