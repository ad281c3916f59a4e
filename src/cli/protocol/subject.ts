import { type Command, InvalidArgumentError } from "commander";

/** An hour is more than anything takes. */
const DEADLINE_MAX_MS = 3_600_000;

/** Adds the program to talk to, and its arguments, which are to follow `--`. */
export function addSubject(command: Command, description: string): Command {
  return command.argument("<command...>", description);
}

export function parseDeadline(text: string): number {
  const deadlineMs = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (deadlineMs >= 1 && deadlineMs <= DEADLINE_MAX_MS) return deadlineMs;
  throw new InvalidArgumentError(`It is a whole number of ms, from 1 to ${DEADLINE_MAX_MS}.`);
}
