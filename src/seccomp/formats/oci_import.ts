import { constants as osConstants } from "node:os";
import type { ArgumentCheck, SeccompAction, SyscallRule } from "../rule.js";
import { SYSCALL_NUMBERS } from "../syscall_numbers.js";
import { type ImportedPolicy, type ImportRequest, RULES_MAX } from "./imported_policy.js";
import { type JsonPath, JsonReader } from "./json_reader.js";

const { EPERM } = osConstants.errno;
const ALL = 0xffffffffffffffffn;
const ERRNO_MAX = 0xffffn;
const NATIVE = "SCMP_ARCH_X86_64";
/** Keys of the document and of its entries that say nothing to a filter. */
const SILENT_KEYS = ["comment", "defaultErrno", "errno"];
const ROOT_KEYS = ["defaultAction", "defaultErrnoRet", "architectures", "archMap", "flags", "listenerPath", "listenerMetadata"];
const ENTRY_KEYS = ["name", "names", "action", "errnoRet", "args", "includes", "excludes"];

/**
 * Reads `linux.seccomp` of an OCI runtime configuration, or a Docker profile. Names that x86-64 does not have are left out, as
 * runtimes do. An entry with several conditions on one argument is that many rules, as in runc.
 * Throws SeccompInputError "format-invalid" with the place in the document.
 */
export function importOci(request: ImportRequest): ImportedPolicy {
  return new OciImport(request).read();
}

class OciImport {
  readonly #json: JsonReader;
  readonly #file: string;
  readonly #losses: string[] = [];
  readonly #unknown = new Set<string>();

  constructor(request: ImportRequest) {
    this.#json = new JsonReader(request);
    this.#file = request.file;
  }

  read(): ImportedPolicy {
    const json = this.#json;
    const root = json.object(json.root, "");
    this.#knownKeys(root, "", [...ROOT_KEYS, "syscalls"]);
    this.#readRoot(root);
    const otherwise = this.#action(root, { action: "defaultAction", errno: "defaultErrnoRet" }, "");
    const rules: SyscallRule[] = [];
    json.list(root["syscalls"], "syscalls").forEach((entry, index) => {
      const path = `syscalls[${index}]`;
      const own = this.#entry(json.object(entry, path), path);
      if (rules.length + own.length > RULES_MAX) json.refuse(path, `more than ${RULES_MAX} rules`);
      rules.push(...own);
    });
    const notes = this.#unknown.size === 0 ? [] : [`no syscalls of x86-64, left out: ${[...this.#unknown].join(", ")}`];
    return { policy: { start: [], run: rules, otherwise }, losses: this.#losses, notes };
  }

  #readRoot(root: Readonly<Record<string, unknown>>): void {
    const json = this.#json;
    const arches = json
      .list(root["architectures"], "architectures")
      .map((arch, index) => json.text(arch, `architectures[${index}]`));
    const others = arches.filter((arch) => arch !== NATIVE);
    if (others.length > 0) this.#losses.push(`calls of ${others.join(", ")} kill the process here`);
    if (root["archMap"] !== undefined) this.#losses.push("calls of the other arches of archMap kill the process here");
    if (json.list(root["flags"], "flags").length > 0) this.#losses.push("flags belong to loading, and are not set here");
    if (root["listenerPath"] !== undefined) this.#losses.push("no listener is connected to listenerPath here");
  }

  #entry(entry: Readonly<Record<string, unknown>>, path: JsonPath): SyscallRule[] {
    const json = this.#json;
    this.#knownKeys(entry, path, ENTRY_KEYS);
    const action = this.#action(entry, { action: "action", errno: "errnoRet" }, path);
    if (this.#isConditional(entry, path, action)) return [];
    const names = entry["names"] === undefined ? [entry["name"]] : json.list(entry["names"], `${path}.names`);
    const checks = json.list(entry["args"], `${path}.args`).map((arg, index) => this.#check(arg, `${path}.args[${index}]`));
    const indices = checks.map(({ index }) => index);
    // runc: when two conditions look at one argument, each condition becomes a rule of its own.
    const alternatives = new Set(indices).size < indices.length ? checks.map((check) => [check]) : [checks];
    return names.flatMap((name, index) => {
      const syscall = json.text(name, entry["names"] === undefined ? `${path}.name` : `${path}.names[${index}]`);
      if (!SYSCALL_NUMBERS.has(syscall)) {
        this.#unknown.add(syscall);
        return [];
      }
      return alternatives.map((own) => this.#rule({ syscall, checks: own, action }, path));
    });
  }

  #rule(rule: Pick<SyscallRule, "syscall" | "checks" | "action">, path: JsonPath): SyscallRule {
    return { ...rule, why: `${path} of ${this.#file}`, position: { file: this.#file, line: 1, column: 1 } };
  }

  /** Docker's profiles make entries depend on capabilities, arches and kernels, which a filter cannot see. */
  #isConditional(entry: Readonly<Record<string, unknown>>, path: JsonPath, action: SeccompAction): boolean {
    const conditions = ["includes", "excludes"].filter((key) => {
      return entry[key] !== undefined && Object.keys(this.#json.object(entry[key], `${path}.${key}`)).length > 0;
    });
    if (conditions.length === 0) return false;
    const leftOut = action.kind === "allow" || action.kind === "log";
    this.#losses.push(`${path} depends on ${conditions.join(" and ")}; here it ${leftOut ? "is left out" : "always holds"}`);
    return leftOut;
  }

  #action(
    object: Readonly<Record<string, unknown>>,
    keys: { readonly action: string; readonly errno: string },
    path: JsonPath,
  ): SeccompAction {
    const at = (key: string): JsonPath => (path === "" ? key : `${path}.${key}`);
    const name = this.#json.text(object[keys.action], at(keys.action));
    const written = object[keys.errno];
    const data =
      written === undefined || written === null ? EPERM : Number(this.#json.number(written, at(keys.errno), ERRNO_MAX));
    switch (name) {
      case "SCMP_ACT_ALLOW":
        return { kind: "allow" };
      case "SCMP_ACT_ERRNO":
        return { kind: "errno", errno: data, name: String(data) };
      case "SCMP_ACT_KILL":
      case "SCMP_ACT_KILL_THREAD":
        return { kind: "kill-thread" };
      case "SCMP_ACT_KILL_PROCESS":
        return { kind: "kill-process" };
      case "SCMP_ACT_TRAP":
        return { kind: "trap" };
      case "SCMP_ACT_LOG":
        return { kind: "log" };
      case "SCMP_ACT_NOTIFY":
        return { kind: "notify" };
      case "SCMP_ACT_TRACE":
        return { kind: "trace", data };
      default:
        return this.#json.refuse(at(keys.action), `no action ${JSON.stringify(name)}`);
    }
  }

  #check(written: unknown, path: JsonPath): ArgumentCheck {
    const json = this.#json;
    const arg = json.object(written, path);
    this.#knownKeys(arg, path, ["index", "value", "valueTwo", "op"]);
    const index = Number(json.number(arg["index"], `${path}.index`, 5n)) as ArgumentCheck["index"];
    const value = json.number(arg["value"] ?? 0, `${path}.value`, ALL);
    const second = json.number(arg["valueTwo"] ?? 0, `${path}.valueTwo`, ALL);
    const op = json.text(arg["op"], `${path}.op`);
    const place = { index, width: 64, text: `arg${index} ${op} ${value}` } as const;
    if (op === "SCMP_CMP_MASKED_EQ") return { ...place, op: "masked-equal", mask: value, value: second };
    const plain = OPERATORS.get(op);
    return plain === undefined
      ? json.refuse(`${path}.op`, `no comparison ${JSON.stringify(op)}`)
      : { ...place, op: plain, value };
  }

  /** A key that is not known might change what the file means. */
  #knownKeys(object: Readonly<Record<string, unknown>>, path: JsonPath, known: readonly string[]): void {
    for (const key of Object.keys(object)) {
      if (!known.includes(key) && !SILENT_KEYS.includes(key)) this.#json.refuse(path, `no key ${JSON.stringify(key)} here`);
    }
  }
}

const OPERATORS = new Map([
  ["SCMP_CMP_EQ", "=="],
  ["SCMP_CMP_NE", "!="],
  ["SCMP_CMP_LT", "<"],
  ["SCMP_CMP_LE", "<="],
  ["SCMP_CMP_GT", ">"],
  ["SCMP_CMP_GE", ">="],
] as const satisfies readonly (readonly [string, ArgumentCheck["op"]])[]) as ReadonlyMap<
  string,
  "==" | "!=" | "<" | "<=" | ">" | ">="
>;
