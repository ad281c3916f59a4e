import type { SeccompAction, SyscallRule } from "../rule.js";
import { SYSCALL_NUMBERS } from "../syscall_numbers.js";
import { type ImportedPolicy, type ImportRequest, invalidFormat, RULES_MAX } from "./imported_policy.js";
import { readMinijailAction, readMinijailFilters } from "./minijail_expression.js";
import { TokenReader, tokenizeMinijail } from "./minijail_tokens.js";
import { type OrderedFilter, unorder } from "./ordered_rules.js";

export interface MinijailRequest extends ImportRequest {
  /** Text of a file that `@include` names, by the path as it stands there; undefined where it cannot be had. */
  readonly readInclude?: (path: string) => string | undefined;
}

/** Includes within each other, as in minijail. */
const INCLUDE_DEPTH_MAX = 10;
/** Files that one policy may include. */
const INCLUDES_MAX = 64;
/** minijail's name of x86-64 in `[arch=...]`. */
const ARCH = "x86_64";

/**
 * Reads a minijail .policy file as minijail's compiler of policies does: filters of one syscall in their order, the first match
 * decides, and what none matches gets the default, which is to kill. Throws SeccompInputError "format-invalid" at line and column.
 */
export function importMinijail(request: MinijailRequest): ImportedPolicy {
  const reader = new MinijailReader(request);
  reader.readFile(request, 0);
  return reader.result();
}

class MinijailReader {
  readonly #request: MinijailRequest;
  readonly #filters = new Map<string, { line: number; file: string; filters: OrderedFilter[] }>();
  readonly #notes: string[] = [];
  #otherwise: SeccompAction = { kind: "kill-process" };
  #includes = 0;

  constructor(request: MinijailRequest) {
    this.#request = request;
  }

  readFile(file: ImportRequest, depth: number): void {
    for (const statement of tokenizeMinijail(file)) {
      const reader = new TokenReader(file.file, statement);
      if (reader.peek().startsWith("@")) this.#directive(reader, depth);
      else this.#statement(reader, file.file);
      if (!reader.done) {
        const word = reader.take("a word");
        reader.refuse(`${JSON.stringify(word)} was not expected here`);
      }
    }
  }

  result(): ImportedPolicy {
    // An empty text is more likely the wrong file than a policy that kills everything.
    if (this.#filters.size === 0) throw invalidFormat(this.#request.file, "1", "no rule");
    const rules: SyscallRule[] = [];
    for (const [syscall, { line, file, filters }] of this.#filters) {
      const unordered = unorder(filters);
      if (unordered === undefined || rules.length + unordered.length > RULES_MAX)
        throw invalidFormat(
          file,
          String(line),
          `the filters of ${syscall} multiply to too many rules; write them without overlaps`,
        );
      rules.push(...unordered.map((rule) => ({ ...rule, syscall, why: `${file}:${line}`, position: { file, line, column: 1 } })));
    }
    return { policy: { start: [], run: rules, otherwise: this.#otherwise }, losses: [], notes: this.#notes };
  }

  #directive(reader: TokenReader, depth: number): void {
    const word = reader.take("a directive");
    switch (word) {
      case "@include":
        this.#include(reader, depth);
        break;
      case "@default":
        this.#otherwise = readMinijailAction(reader);
        break;
      case "@denylist":
        this.#otherwise = { kind: "allow" };
        break;
      case "@frequency":
        this.#notes.push(`${reader.take("a path")} says which calls are frequent, which changes no answer`);
        break;
      default:
        reader.refuse(`no directive ${JSON.stringify(word)}`);
    }
  }

  #include(reader: TokenReader, depth: number): void {
    const path = reader.take("a path");
    this.#includes += 1;
    if (depth + 1 >= INCLUDE_DEPTH_MAX || this.#includes > INCLUDES_MAX) reader.refuse("too many includes");
    const text = this.#request.readInclude?.(path);
    if (text === undefined) reader.refuse(`${path} cannot be read from here; put its lines in this file`);
    this.readFile({ file: path, text }, depth + 1);
  }

  /** `name: filter`, or `{name, name}: filter`; each name may be for some arches only. */
  #statement(reader: TokenReader, file: string): void {
    const { line } = reader;
    const syscalls: string[] = [];
    if (reader.accept("{")) {
      do syscalls.push(...this.#descriptor(reader));
      while (reader.accept(","));
      reader.expect("}");
    } else syscalls.push(...this.#descriptor(reader));
    reader.expect(":");
    const filters = readMinijailFilters(reader);
    // As many as a list may have in the end; more would be refused then.
    if (filters.length > RULES_MAX) reader.refuse(`more than ${RULES_MAX} filters`);
    for (const syscall of syscalls) {
      const known = this.#filters.get(syscall);
      if (known === undefined) this.#filters.set(syscall, { line, file, filters: [...filters] });
      else if (known.filters.some(({ clauses }) => clauses === null))
        reader.refuse(`${syscall} is answered in line ${known.line} already`);
      else known.filters.push(...filters);
    }
  }

  #descriptor(reader: TokenReader): string[] {
    const name = reader.take("a syscall");
    if (name.includes("@")) reader.refuse(`the group ${name} is minijail's own; name its syscalls`);
    const arches = reader.accept("[") ? this.#arches(reader) : [ARCH];
    if (!arches.includes(ARCH)) return [];
    return SYSCALL_NUMBERS.has(name) ? [name] : reader.refuse(`no syscall ${JSON.stringify(name)} on x86-64`);
  }

  #arches(reader: TokenReader): string[] {
    const key = reader.take("a key");
    if (key !== "arch") reader.refuse(`no key ${JSON.stringify(key)}; a syscall is for some "arch"`);
    reader.expect("=");
    const arches = [reader.take("an arch")];
    while (reader.accept(",")) arches.push(reader.take("an arch"));
    reader.expect("]");
    return arches;
  }
}
