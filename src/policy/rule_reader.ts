import { constants as osConstants } from "node:os";
import { type ArgumentCheck, type SeccompAction, SYSCALL_NUMBERS, type SyscallRule, syscallArguments } from "../seccomp/index.js";
import { type KeyPath, quotePath, quoteValue } from "../text/index.js";
import { CheckReader } from "./check_reader.js";
import { type EntryReader, type Mapping, suggestion } from "./entry_reader.js";
import type { ArgumentPlace, OwnConstants } from "./value_reader.js";

/** Keys of a rule that are no argument names. */
const RESERVED = ["why", "errno"];
const SYSCALL_NAMES = [...SYSCALL_NUMBERS.keys()];
/** By these names any syscall's arguments can be checked, with a stated width, where the table has no signature. */
const NUMBERED_ARGUMENTS = ["arg0", "arg1", "arg2", "arg3", "arg4", "arg5"];

/** Reads the rules of one policy file: each a mapping of one syscall to its conditions, its answer and its `why`. */
export class RuleReader {
  private readonly entries: EntryReader;
  private readonly checks: CheckReader;

  constructor(entries: EntryReader, own: OwnConstants) {
    this.entries = entries;
    this.checks = new CheckReader(entries, own);
  }

  /** Undefined when anything of the rule is wrong: half a rule would allow more than was meant. */
  read(written: unknown, path: KeyPath): SyscallRule | undefined {
    const before = this.entries.problems.length;
    const rule = this.readRule(written, path);
    return this.entries.problems.length === before ? rule : undefined;
  }

  private readRule(written: unknown, path: KeyPath): SyscallRule | undefined {
    const item = this.entries.mapping(written, path);
    if (item === undefined) return undefined;
    const [syscall, ...others] = Object.keys(item);
    if (syscall === undefined || others.length > 0) {
      return this.entries.refuse(
        path,
        `a rule names one syscall, as in "- read: {why: ...}"; this one has ${Object.keys(item).length} keys`,
      );
    }
    const at = [...path, syscall];
    if (!SYSCALL_NUMBERS.has(syscall))
      return this.entries.refuse(at, `no syscall ${quoteValue(syscall)} on x86_64${suggestion(syscall, SYSCALL_NAMES)}`);
    const body = this.entries.mapping(item[syscall], at);
    if (body === undefined) return undefined;
    const why = this.entries.why(body, at);
    const action = this.action(body, at);
    const checks = this.readChecks(syscall, body, at);
    if (syscall === "clone3" && action?.kind === "allow") {
      return this.entries.refuse(
        at,
        "clone3 cannot be allowed: its flags lie behind a pointer, where no filter sees them; answer it with errno: ENOSYS",
      );
    }
    if (why === undefined || action === undefined) return undefined;
    return { syscall, checks, action, why, position: this.entries.text.positionOf(at) };
  }

  /** `allow` unless the rule states an `errno`. */
  private action(body: Mapping, path: KeyPath): SeccompAction | undefined {
    const name = body["errno"];
    if (name === undefined) return { kind: "allow" };
    const numbers: Readonly<Record<string, number>> = osConstants.errno;
    const errno = typeof name === "string" && Object.hasOwn(numbers, name) ? numbers[name] : undefined;
    const known = Object.keys(numbers);
    if (errno !== undefined) return { kind: "errno", errno, name: name as string };
    return this.entries.refuse(
      [...path, "errno"],
      `no error ${quoteValue(name)}${typeof name === "string" ? suggestion(name, known) : ""}`,
    );
  }

  private readChecks(syscall: string, body: Mapping, path: KeyPath): ArgumentCheck[] {
    return Object.keys(body)
      .filter((key) => !RESERVED.includes(key))
      .flatMap((key) => {
        const at = [...path, key];
        const place = this.place(syscall, key, body[key], at);
        return place === undefined ? [] : this.checks.read(body[key], at, place);
      });
  }

  private place(syscall: string, name: string, written: unknown, path: KeyPath): ArgumentPlace | undefined {
    const declared = syscallArguments(syscall);
    const index = declared?.findIndex((argument) => argument.name === name) ?? -1;
    const argument = declared?.[index];
    if (argument !== undefined) return { ...argument, index: index as ArgumentPlace["index"] };
    const numbered = NUMBERED_ARGUMENTS.indexOf(name);
    if (numbered < 0) {
      const names = [...(declared?.map((known) => known.name) ?? NUMBERED_ARGUMENTS), ...RESERVED];
      return this.entries.refuse(path, `${syscall} has no argument ${quoteValue(name)}${suggestion(name, names)}`);
    }
    const width = (written as Mapping | null)?.["width"];
    if (width === 32 || width === 64) return { name, index: numbered as ArgumentPlace["index"], width, family: null };
    return this.entries.refuse(path, `${quotePath(path)} must state its width: 32 where the kernel takes an int, else 64`);
  }
}
