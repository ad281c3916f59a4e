import type { ArgumentCheck, SeccompAction, SyscallRule } from "../rule.js";
import { SYSCALL_NUMBERS } from "../syscall_numbers.js";
import { type ImportedPolicy, type ImportRequest, RULES_MAX } from "./imported_policy.js";
import { type JsonPath, JsonReader } from "./json_reader.js";

const WIDTHS: ReadonlyMap<string, 32 | 64> = new Map([
  ["dword", 32],
  ["qword", 64],
]);
const OPERATORS: ReadonlyMap<string, "==" | "!=" | "<" | "<=" | ">" | ">="> = new Map([
  ["eq", "=="],
  ["ne", "!="],
  ["lt", "<"],
  ["le", "<="],
  ["gt", ">"],
  ["ge", ">="],
]);
const ERRNO_MAX = 0xffffn;

/**
 * Reads the filter of one thread from seccompiler's JSON, as Firecracker and others ship it. `thread` may be left out where the file
 * has one. Throws SeccompInputError "format-invalid" with the place in the document.
 */
export function importSeccompiler(request: ImportRequest & { readonly thread?: string | undefined }): ImportedPolicy {
  const json = new JsonReader(request);
  const threads = json.object(json.root, "");
  const names = Object.keys(threads);
  const thread = request.thread ?? names[0];
  if (thread === undefined || !Object.hasOwn(threads, thread))
    return json.refuse(thread ?? "", `no such thread; there are: ${names.join(", ")}`);
  if (request.thread === undefined && names.length > 1)
    return json.refuse("", `filters for several threads; name one with --thread: ${names.join(", ")}`);
  return readThread(json, json.object(threads[thread], thread), { file: request.file, path: thread });
}

interface Place {
  readonly file: string;
  readonly path: JsonPath;
}

function readThread(json: JsonReader, filter: Readonly<Record<string, unknown>>, { file, path }: Place): ImportedPolicy {
  requireKeys(json, filter, { path, known: ["default_action", "mismatch_action", "filter_action", "match_action", "filter"] });
  // seccompiler renamed both keys: default_action was mismatch_action's name, filter_action match_action's.
  const otherwise = readAction(json, filter["default_action"] ?? filter["mismatch_action"], `${path}.default_action`);
  const action = readAction(json, filter["filter_action"] ?? filter["match_action"], `${path}.filter_action`);
  const entries = json.list(filter["filter"], `${path}.filter`);
  if (entries.length > RULES_MAX) json.refuse(`${path}.filter`, `more than ${RULES_MAX} rules`);
  const rules = entries.map((entry, index) => {
    const at = `${path}.filter[${index}]`;
    return readRule(json, json.object(entry, at), { action, file, path: at });
  });
  return { policy: { start: [], run: rules, otherwise }, losses: [], notes: [] };
}

function readRule(
  json: JsonReader,
  entry: Readonly<Record<string, unknown>>,
  { action, file, path }: Place & { readonly action: SeccompAction },
): SyscallRule {
  requireKeys(json, entry, { path, known: ["syscall", "comment", "args"] });
  const syscall = json.text(entry["syscall"], `${path}.syscall`);
  if (!SYSCALL_NUMBERS.has(syscall)) json.refuse(`${path}.syscall`, `no syscall ${JSON.stringify(syscall)} on x86-64`);
  const comment = entry["comment"] === undefined ? `${path} of ${file}` : json.text(entry["comment"], `${path}.comment`);
  const checks = json.list(entry["args"], `${path}.args`).map((arg, index) => readCheck(json, arg, `${path}.args[${index}]`));
  return { syscall, checks, action, why: comment, position: { file, line: 1, column: 1 } };
}

function readCheck(json: JsonReader, written: unknown, path: JsonPath): ArgumentCheck {
  const arg = json.object(written, path);
  requireKeys(json, arg, { path, known: ["index", "type", "op", "val", "comment"] });
  const index = Number(json.number(arg["index"], `${path}.index`, 5n)) as ArgumentCheck["index"];
  const width = WIDTHS.get(json.text(arg["type"], `${path}.type`));
  if (width === undefined) return json.refuse(`${path}.type`, "must be dword or qword");
  const all = (1n << BigInt(width)) - 1n;
  const value = json.number(arg["val"], `${path}.val`, all);
  const place = { index, width, text: `arg${index} ${JSON.stringify(arg["op"])} ${value}` };
  if (typeof arg["op"] === "object") {
    const op = json.object(arg["op"], `${path}.op`);
    requireKeys(json, op, { path: `${path}.op`, known: ["masked_eq"] });
    const mask = json.number(op["masked_eq"], `${path}.op.masked_eq`, all);
    // seccompiler masks both sides.
    return { ...place, op: "masked-equal", mask, value: value & mask };
  }
  const op = OPERATORS.get(json.text(arg["op"], `${path}.op`));
  return op === undefined ? json.refuse(`${path}.op`, "must be eq, ne, lt, le, gt, ge or masked_eq") : { ...place, op, value };
}

function readAction(json: JsonReader, written: unknown, path: JsonPath): SeccompAction {
  if (typeof written === "object" && written !== null) {
    const action = json.object(written, path);
    requireKeys(json, action, { path, known: ["errno", "trace"] });
    const [[kind, value] = ["", undefined], ...more] = Object.entries(action);
    if (more.length > 0) return json.refuse(path, "must be one action");
    const data = Number(json.number(value, `${path}.${kind}`, ERRNO_MAX));
    return kind === "errno" ? { kind, errno: data, name: String(data) } : { kind: "trace", data };
  }
  const name = json.text(written, path);
  switch (name) {
    case "allow":
    case "log":
    case "trap":
      return { kind: name };
    case "kill_process":
      return { kind: "kill-process" };
    case "kill_thread":
      return { kind: "kill-thread" };
    default:
      return json.refuse(path, `no action ${JSON.stringify(name)}`);
  }
}

function requireKeys(
  json: JsonReader,
  object: Readonly<Record<string, unknown>>,
  { path, known }: { readonly path: JsonPath; readonly known: readonly string[] },
): void {
  for (const key of Object.keys(object)) if (!known.includes(key)) json.refuse(path, `no key ${JSON.stringify(key)} here`);
}
