import { readFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { InvalidArgumentError } from "commander";
import { SeccompInputError } from "../../errors/index.js";
import { loadCallFrequencies, loadPolicyText } from "../../policy/index.js";
import {
  acceptImport,
  type CallFrequency,
  combinePhases,
  type FilterRules,
  type ImportedPolicy,
  importMinijail,
  importOci,
  importSeccompiler,
  type PhaseSelection,
  type SeccompPolicy,
} from "../../seccomp/index.js";
import { escapeControls } from "../../text/index.js";
import { POLICY_FOLDER } from "../installation.js";
import { type Input, readInput, requireLoadable, STANDARD_INPUT_NAME } from "./read_input.js";

export const POLICY_FORMATS = ["bulkhead", "minijail", "oci", "seccompiler"] as const;
export type PolicyFormat = (typeof POLICY_FORMATS)[number];
const PHASES = ["run", "start+run", "lock-down"] as const satisfies readonly PhaseSelection[];

/** Options of every command that reads a policy. */
export interface PolicyOptions {
  /** Told by the content when absent. */
  readonly from?: PolicyFormat;
  readonly phases: PhaseSelection;
  readonly lossy?: boolean;
  readonly thread?: string;
}

/** A policy with all that decides its filter. */
export interface ReadPolicy {
  readonly name: string;
  readonly format: PolicyFormat;
  readonly policy: SeccompPolicy;
  readonly rules: FilterRules;
  readonly frequencies: readonly CallFrequency[];
  readonly losses: readonly string[];
  readonly notes: readonly string[];
}

/** Option parser of `--phases`. */
export function parsePhases(word: string): PhaseSelection {
  const phases = PHASES.find((known) => known === word);
  if (phases === undefined) throw new InvalidArgumentError(`It is one of ${PHASES.join(", ")}.`);
  return phases;
}

/** Option parser of `--from` and `--to`. */
export function parseFormat(word: string): PolicyFormat {
  const format = POLICY_FORMATS.find((known) => known === word);
  if (format === undefined) throw new InvalidArgumentError(`It is one of ${POLICY_FORMATS.join(", ")}.`);
  return format;
}

/** Reads a policy of any format, and names on stderr what is lost with --lossy. Throws SeccompInputError and PolicyError for what is wrong with it. */
export function readPolicy(path: string, options: PolicyOptions): ReadPolicy {
  return policyOf(readInput(path), path, options);
}

/** A program, or a policy, by what the content is. */
export function readSource(path: string, options: PolicyOptions) {
  const input = readInput(path);
  if (options.from === undefined && isProgram(input)) return { kind: "program", program: requireLoadable(input) } as const;
  return { kind: "rules", rules: policyOf(input, path, options).rules } as const;
}

/** Reads a policy whose bytes are known already; what is lost or noteworthy in it is for the caller to tell. */
export function readPolicyInput(input: Input, path: string, options: PolicyOptions): ReadPolicy {
  const text = decode(input);
  const format = options.from ?? detectFormat(text);
  const read = format === "bulkhead" ? readOwn(input.name, text, path) : readForeign(format, { file: input.name, text }, options);
  return { ...read, name: input.name, format, rules: combinePhases(read.policy, options.phases) };
}

/** A text has no zero byte; a program has them in the code or the operand of its return, whatever it answers. */
export function isProgram({ bytes }: Input): boolean {
  return bytes.includes(0);
}

function policyOf(input: Input, path: string, options: PolicyOptions): ReadPolicy {
  const read = readPolicyInput(input, path, options);
  for (const loss of read.losses) process.stderr.write(`bulkhead: ${input.name}: lost: ${escapeControls(loss)}\n`);
  for (const note of read.notes) process.stderr.write(`bulkhead: ${input.name}: note: ${escapeControls(note)}\n`);
  return read;
}

function decode({ name, bytes }: Input): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SeccompInputError({
      code: "input-not-text",
      tried: `Cannot read ${name} as a policy`,
      subject: name,
      answer: "it is not UTF-8 text",
      cause,
    });
  }
}

/** JSON with a defaultAction is OCI's, other JSON seccompiler's; YAML of ours has a key `seccomp`; the rest is minijail's. */
function detectFormat(text: string): PolicyFormat {
  if (text.trimStart().startsWith("{") && /"[a-zA-Z_]+"\s*:/.test(text))
    return /"defaultAction"\s*:/.test(text) ? "oci" : "seccompiler";
  return /^(seccomp|include|role|set)\s*:/m.test(text) && !/^(role|set|seccomp)\s*:\s*(1|allow|return|arg|kill)\b/m.test(text)
    ? "bulkhead"
    : "minijail";
}

type Content = Pick<ReadPolicy, "policy" | "frequencies" | "losses" | "notes">;

/** Sets are looked up in the folder that the file lies in, when that is a policy folder, else among the installed ones. */
function readOwn(file: string, text: string, path: string): Content {
  const place = dirname(resolve(path));
  const inFolder = file !== STANDARD_INPUT_NAME && ["roles", "sets"].includes(basename(place));
  const folder = inFolder ? dirname(place) : POLICY_FOLDER;
  const { kind, name, seccomp } = loadPolicyText({ file, text, folder });
  const frequencies = kind === "role" ? loadCallFrequencies({ folder, role: name }) : [];
  return { policy: seccomp, frequencies, losses: [], notes: [] };
}

function readForeign(
  format: Exclude<PolicyFormat, "bulkhead">,
  request: { readonly file: string; readonly text: string },
  options: PolicyOptions,
): Content {
  const imported = importPolicy(format, request, options);
  const policy = acceptImport(imported, { file: request.file, lossy: options.lossy === true });
  return { policy, frequencies: [], losses: imported.losses, notes: imported.notes };
}

function importPolicy(
  format: Exclude<PolicyFormat, "bulkhead">,
  request: { readonly file: string; readonly text: string },
  { thread }: PolicyOptions,
): ImportedPolicy {
  switch (format) {
    case "minijail":
      return importMinijail({ ...request, readInclude: (path) => readBeside(request.file, path) });
    case "oci":
      return importOci(request);
    case "seccompiler":
      return importSeccompiler({ ...request, thread });
  }
}

/** As minijail does: a path that is not absolute is looked for beside the policy. */
function readBeside(file: string, path: string): string | undefined {
  if (file === STANDARD_INPUT_NAME) return undefined;
  try {
    return readFileSync(resolve(dirname(file), path), "utf8");
  } catch {
    return undefined;
  }
}
