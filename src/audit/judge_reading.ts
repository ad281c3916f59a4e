import type { Reading } from "../observe/index.js";
import type { Observation, Undecided } from "./check.js";
import type { ProcessFacts } from "./facts/process_facts.js";

type Answers = readonly (Observation | Undecided)[];

/** Judges a fact; one that could not be read is undecided, with the kernel's answer. */
export function whenKnown<T>(
  reading: Reading<T>,
  { subject }: { readonly subject: string },
  judge: (value: T) => Answers,
): Answers {
  return reading.known ? judge(reading.value) : [{ subject, unknown: reading.why }];
}

/** What a check of all threads adds where not all were read. */
export function unreadThreads({ subject, process }: ProcessFacts): Undecided[] {
  const { unread } = process.threads;
  return unread === null ? [] : [{ subject, unknown: `not all of its threads: ${unread}` }];
}

/** What a check of all fds adds where not all were read. */
export function unreadFds(facts: ProcessFacts): Undecided[] {
  const { fds } = facts.process;
  if (!fds.known) return [{ subject: facts.subject, unknown: `its fds: ${fds.why}` }];
  return fds.value.unread === null ? [] : [{ subject: facts.subject, unknown: `not all of its fds: ${fds.value.unread}` }];
}

/** How many objects one finding names; the others are counted. */
const NAMED_MAX = 8;

/** `a, b and 3 more`. */
export function nameSome(names: readonly string[]): string {
  const more = names.length - NAMED_MAX;
  return more > 0 ? `${names.slice(0, NAMED_MAX).join(", ")} and ${more} more` : names.join(", ");
}
