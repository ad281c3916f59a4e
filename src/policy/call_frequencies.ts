import { existsSync } from "node:fs";
import { join } from "node:path";
import { type CallFrequency, SYSCALL_NUMBERS, syscallArguments } from "../seccomp/index.js";
import { type KeyPath, quoteValue } from "../text/index.js";
import { EntryReader, type Mapping, suggestion } from "./entry_reader.js";
import { invalidPolicy, readPolicyText } from "./policy_text.js";
import { ValueReader } from "./value_reader.js";

export interface FrequencyRequest {
  /** The policy folder, with frequencies/ in it where something was measured. */
  readonly folder: string;
  readonly role: string;
}

const FOLDER = "frequencies";
const FILE_KEYS = ["role", "measured", "calls"];
const SHARE_KEY = "perMillion";
const ARGUMENTS = 6;
/** More than a million calls in a million cannot be. */
const SHARE_MAX = 1_000_000;

/**
 * How often a role was measured to make which call, from frequencies/ROLE.yaml; none when the role has no such file. They order a
 * filter and decide nothing in it. Throws PolicyError "policy-unreadable" or "policy-invalid".
 */
export function loadCallFrequencies({ folder, role }: FrequencyRequest): CallFrequency[] {
  const path = `${FOLDER}/${role}.yaml`;
  if (!existsSync(join(folder, path))) return [];
  const entries = new EntryReader(readPolicyText(folder, path));
  const calls = entries.problems.length === 0 ? readFile(entries, role) : [];
  if (entries.problems.length > 0) throw invalidPolicy(role, entries.problems);
  return calls;
}

function readFile(entries: EntryReader, role: string): CallFrequency[] {
  const file = entries.mapping(entries.text.value, []);
  if (file === undefined) return [];
  entries.knownKeys(file, [], FILE_KEYS);
  if (file["role"] !== role)
    entries.refuse(["role"], `"role" must be ${role}, as the file is named, not ${quoteValue(file["role"])}`);
  entries.sentence(file["measured"], ["measured"]);
  const values = new ValueReader(entries, new Map());
  return entries.list(file["calls"], ["calls"]).flatMap((item, index) => {
    const path = ["calls", index];
    const mapping = entries.mapping(item, path);
    return mapping === undefined ? [] : (readCall(entries, values, { mapping, path }) ?? []);
  });
}

/** `- fcntl: {cmd: F_GETFL, perMillion: 12}` */
function readCall(
  entries: EntryReader,
  values: ValueReader,
  item: { readonly mapping: Mapping; readonly path: KeyPath },
): CallFrequency | undefined {
  const [syscall = "", ...others] = Object.keys(item.mapping);
  const at = [...item.path, syscall];
  if (others.length > 0 || !SYSCALL_NUMBERS.has(syscall))
    return entries.refuse(at, `a call names one syscall${suggestion(syscall, [...SYSCALL_NUMBERS.keys()])}`);
  const body = entries.mapping(item.mapping[syscall], at);
  if (body === undefined) return undefined;
  const count = entries.count(body[SHARE_KEY], [...at, SHARE_KEY]);
  if (count === undefined || count > SHARE_MAX) return entries.refuse(at, `"${SHARE_KEY}" counts calls in a million`);
  const declared = syscallArguments(syscall) ?? [];
  const args = Array.from({ length: ARGUMENTS }, () => 0n);
  for (const key of Object.keys(body).filter((name) => name !== SHARE_KEY)) {
    const index = declared.findIndex(({ name }) => name === key);
    const argument = declared[index];
    if (argument === undefined) {
      const names = [...declared.map(({ name }) => name), SHARE_KEY];
      return entries.refuse([...at, key], `${syscall} has no argument ${quoteValue(key)}${suggestion(key, names)}`);
    }
    const place = { ...argument, index: index as 0 | 1 | 2 | 3 | 4 | 5 };
    args[index] = values.bound(body[key], [...at, key], place)?.value ?? 0n;
  }
  return { syscall, args, count };
}
