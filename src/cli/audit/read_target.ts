import { existsSync } from "node:fs";
import { InvalidArgumentError } from "commander";
import { auditProcess, auditVm, type TargetFacts } from "../../audit/index.js";
import { SpecError } from "../../errors/index.js";
import { findRun, openDirectories } from "../../state/index.js";
import { quoteValue } from "../../text/index.js";
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

/** Names that VMs have: VM_NAME of src/spec/vm_rules.ts. No other name is looked for among run directories. */
const VM_NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;

/** Reads all facts about a target: a file where one has that name, else a VM. Throws what its readers throw, for bad input SpecError. */
export async function readTarget(target: string | undefined, options: TargetOptions): Promise<TargetFacts> {
  const { pid, ptrace } = options;
  if (target !== undefined && pid !== undefined)
    throw misused("there are two targets", "Name a file or a VM, or a process with --pid, not both.");
  if (pid !== undefined) return auditProcess(pid, { ptrace });
  if (target === undefined) throw misused("no target", "Name a file or a VM, or a process with --pid.");
  if (target === "-" || existsSync(target)) return readFileTarget(target, options);
  const run = VM_NAME.test(target) ? findRun(openDirectories(), target) : null;
  if (run !== null && run.state !== "dead") return auditVm(run, { ptrace });
  throw misused(`${quoteValue(target)} is neither a file nor a VM that runs`, "`bulkhead ps` lists the VMs of this host.");
}

function misused(answer: string, remedy: string): SpecError {
  return new SpecError({ code: "target-unknown", tried: "Cannot audit", subject: "target", answer, remedy });
}
