import { existsSync } from "node:fs";
import { InvalidArgumentError } from "commander";
import type { TargetFacts } from "../../audit/index.js";
import { SpecError } from "../../errors/index.js";
import type { PolicyOptions } from "../seccomp/read_policy.js";
import { readFileTarget } from "./read_file_target.js";

/** What says how a target is read. */
export interface TargetOptions extends PolicyOptions {
  readonly pid?: number;
  readonly ptrace: boolean;
  readonly stack?: readonly string[];
  readonly policy?: string;
  readonly hostFile?: string;
  readonly grants?: boolean;
}

/** Option parser of `--pid`. */
export function parsePid(word: string): number {
  const pid = Number(word);
  if (!/^\d+$/.test(word) || !Number.isSafeInteger(pid) || pid < 1)
    throw new InvalidArgumentError("It is the number of a process.");
  return pid;
}

/** Reads all facts about a target: a file where one has that name, else a VM. Throws what its readers throw, for bad input SpecError. */
export async function readTarget(target: string | undefined, options: TargetOptions): Promise<TargetFacts> {
  if (target === undefined) throw misused("no target", "Name a file or a VM, or a process with --pid.");
  if (target === "-" || existsSync(target)) return readFileTarget(target, options);
  throw misused(`${target} is no file`, "Name a VM file, a policy or a seccomp program.");
}

function misused(answer: string, remedy: string): SpecError {
  return new SpecError({ code: "target-unknown", tried: "Cannot audit", subject: "target", answer, remedy });
}
