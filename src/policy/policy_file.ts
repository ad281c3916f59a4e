import type { SyscallRule } from "../seccomp/index.js";
import { type KeyPath, quotePath, quoteValue } from "../text/index.js";
import { EntryReader, type Mapping } from "./entry_reader.js";
import { GRANT_KEYS, GrantReader, type Grants } from "./grant_reader.js";
import type { PolicyProblem, PolicyText } from "./policy_text.js";
import { AFTER_LOCK_DOWN, type AfterLockDown, type RoleLimits } from "./resolved_policy.js";
import { RuleReader } from "./rule_reader.js";
import type { OwnConstants } from "./value_reader.js";

export type PolicyFileKind = "role" | "set";

/** One policy file as it stands, before its includes are applied. */
export interface RequestedPolicy {
  readonly kind: PolicyFileKind;
  readonly name: string;
  readonly summary: string;
  readonly includes: readonly Include[];
  readonly models: readonly string[];
  readonly start: readonly SyscallRule[];
  readonly run: readonly SyscallRule[];
  readonly afterLockDown: AfterLockDown;
  readonly grants: Grants;
  /** Null in a set, and where the file's own are malformed. */
  readonly limits: RoleLimits | null;
  readonly problems: readonly PolicyProblem[];
}

export interface Include {
  readonly set: string;
  readonly position: PolicyProblem["position"];
}

/** Names of roles and sets: plain words, never a path. */
export const PLAIN_NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
export const NAME_LENGTH_MAX = 32;
/** QEMU's own alphabet for device model names. */
const MODEL_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
/** A name as C allows it for a macro. */
const CONSTANT_NAME = /^[A-Z][A-Z0-9_]*$/;

const SET_KEYS = ["set", "summary", "include", "constants", "seccomp", ...GRANT_KEYS];
const ROLE_KEYS = ["role", "summary", "include", "models", "constants", "seccomp", "afterLockDown", ...GRANT_KEYS, "limits"];
const LIMIT_KEYS = ["openFilesMax", "threadsMax", "overheadMiB", "lockedMiB"] as const;
const MEBIBYTE = 1024 * 1024;

/** Reads one file. Never throws for its content: what is wrong is in `problems`, all of it. */
export function readPolicyFile(text: PolicyText, kind: PolicyFileKind, name: string): RequestedPolicy {
  const entries = new EntryReader(text);
  const file = text.value === undefined ? {} : (entries.mapping(text.value, []) ?? {});
  if (text.value === undefined && entries.problems.length === 0) entries.refuse([], "the file is empty");
  if (entries.problems.length > 0) return { ...EMPTY, kind, name, problems: entries.problems };
  entries.knownKeys(file, [], kind === "role" ? ROLE_KEYS : SET_KEYS);
  if (file[kind] !== name)
    entries.refuse([kind], `"${kind}" must be ${name}, as the file is named, not ${quoteValue(file[kind])}`);
  const rules = new RuleReader(entries, readConstants(entries, file["constants"]));
  const seccomp = file["seccomp"] === undefined ? {} : (entries.mapping(file["seccomp"], ["seccomp"]) ?? {});
  entries.knownKeys(seccomp, ["seccomp"], ["start", "run"]);
  return {
    kind,
    name,
    summary: entries.sentence(file["summary"], ["summary"]) ?? "",
    includes: readIncludes(entries, file["include"]),
    models: readModels(entries, file["models"]),
    start: readStartRules(entries, rules, seccomp["start"]),
    run: readRules(entries, rules, seccomp["run"], "run"),
    afterLockDown: readAfterLockDown(entries, file["afterLockDown"]),
    grants: new GrantReader(entries).read(file),
    limits: kind === "role" ? readLimits(entries, file["limits"]) : null,
    problems: entries.problems,
  };
}

const EMPTY = {
  summary: "",
  includes: [],
  models: [],
  start: [],
  run: [],
  afterLockDown: "kill",
  grants: { files: [], nodes: [], selfMade: [], attach: [], absent: [] },
  limits: null,
} as const;

function readRules(entries: EntryReader, rules: RuleReader, written: unknown, phase: "start" | "run"): SyscallRule[] {
  const path = ["seccomp", phase];
  return entries.list(written, path).flatMap((item, index) => rules.read(item, [...path, index]) ?? []);
}

/** An error that is answered always belongs to `run`: in `start` it would end with lock-down and mean something else after it. */
function readStartRules(entries: EntryReader, rules: RuleReader, written: unknown): SyscallRule[] {
  return readRules(entries, rules, written, "start").filter((rule) => {
    if (rule.action.kind === "allow") return true;
    entries.problems.push({
      position: rule.position,
      message: `${rule.syscall}: "errno" answers always, so it belongs under "run"`,
    });
    return false;
  });
}

/** Death is what a role gets that says nothing; one that is to live on says why. */
function readAfterLockDown(entries: EntryReader, written: unknown): AfterLockDown {
  if (written === undefined) return "kill";
  const path = ["afterLockDown"];
  const mapping = entries.mapping(written, path);
  if (mapping === undefined) return "kill";
  entries.knownKeys(mapping, path, ["startCall", "why"]);
  entries.why(mapping, path);
  return entries.word(mapping["startCall"], [...path, "startCall"], AFTER_LOCK_DOWN) ?? "kill";
}

function readIncludes(entries: EntryReader, written: unknown): Include[] {
  return entries.list(written, ["include"]).flatMap((item, index) => {
    const path = ["include", index];
    const set = readPlainName(entries, item, path);
    return set === undefined ? [] : [{ set, position: entries.text.positionOf(path) }];
  });
}

function readPlainName(entries: EntryReader, item: unknown, path: KeyPath): string | undefined {
  if (typeof item === "string" && item.length <= NAME_LENGTH_MAX && PLAIN_NAME.test(item)) return item;
  return entries.refuse(path, `${quotePath(path)} must be a plain name such as "event-loop", not ${quoteValue(item)}`);
}

function readModels(entries: EntryReader, written: unknown): string[] {
  const models = entries.list(written, ["models"]).flatMap((item, index) => {
    if (typeof item === "string" && MODEL_NAME.test(item)) return [item];
    return entries.refuse(["models", index], `${quoteValue(item)} is no QEMU device model name`) ?? [];
  });
  models.forEach((model, index) => {
    if (models.indexOf(model) < index) entries.refuse(["models", index], `model ${model} is listed twice`);
  });
  return models;
}

/** Constants that the tables lack, each with its value and the header it is from. They hold for this file. */
function readConstants(entries: EntryReader, written: unknown): OwnConstants {
  const own = new Map<string, bigint>();
  if (written === undefined) return own;
  for (const [name, item] of Object.entries(entries.mapping(written, ["constants"]) ?? {})) {
    const path = ["constants", name];
    const constant = entries.mapping(item, path);
    if (constant === undefined) continue;
    entries.knownKeys(constant, path, ["value", "header"]);
    if (!CONSTANT_NAME.test(name)) entries.refuse(path, `${quoteValue(name)} is no name of a C constant`);
    entries.sentence(constant["header"], [...path, "header"]);
    const value = entries.count(constant["value"], [...path, "value"]);
    if (value !== undefined) own.set(name, BigInt(value));
  }
  return own;
}

function readLimits(entries: EntryReader, written: unknown): RoleLimits | null {
  const limits = entries.mapping(written, ["limits"]) as Mapping | undefined;
  if (limits === undefined) return null;
  entries.knownKeys(limits, ["limits"], LIMIT_KEYS);
  const [openFilesMax, threadsMax, overheadMiB, lockedMiB] = LIMIT_KEYS.map((key) => entries.count(limits[key], ["limits", key]));
  if (openFilesMax === undefined || threadsMax === undefined || overheadMiB === undefined || lockedMiB === undefined) return null;
  return { openFilesMax, threadsMax, overheadBytes: overheadMiB * MEBIBYTE, lockedBytesMax: lockedMiB * MEBIBYTE };
}
