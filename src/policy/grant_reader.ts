import { type KeyPath, quotePath, quoteValue } from "../text/index.js";
import type { EntryReader, Mapping } from "./entry_reader.js";
import { type Grant, NODE_ACCESSES, NODE_NAMES, type ResolvedPolicy, SELF_MADE_KINDS } from "./resolved_policy.js";

/** What a process may hold beside its syscalls, as one file grants it. */
export type Grants = Pick<ResolvedPolicy, "files" | "nodes" | "selfMade" | "attach" | "absent">;
export const GRANT_KEYS = ["files", "nodes", "selfMade", "attach", "absent"] as const satisfies readonly (keyof Grants)[];

const DEV = "/dev/";

/** Where a path may hold a `*`. */
const STARS = {
  none: { allowed: () => false, rule: 'a "*" is not matched here' },
  "in-last": { allowed: (_: string, last: boolean) => last, rule: 'a "*" may stand in the last component only' },
  whole: { allowed: (component: string) => component === "*", rule: 'a "*" stands for one whole component' },
} as const;

/** Reads the lists of a policy file that grant something; each entry has a `why`. */
export class GrantReader {
  private readonly entries: EntryReader;

  constructor(entries: EntryReader) {
    this.entries = entries;
  }

  read(file: Mapping): Grants {
    return {
      files: this.each(file, "files", ["path", "optional"], (entry, at) => {
        const path = this.path(entry["path"], [...at, "path"], "in-last");
        const optional = entry["optional"] === undefined ? false : this.entries.flag(entry["optional"], [...at, "optional"]);
        return path === undefined || optional === undefined ? undefined : { path, optional };
      }),
      nodes: this.each(file, "nodes", ["path", "access"], (entry, at) => {
        const access = this.entries.word(entry["access"], [...at, "access"], NODE_ACCESSES);
        const written = entry["path"];
        const shown = typeof written === "string" && written.startsWith(DEV) ? written.slice(DEV.length) : written;
        const name = this.entries.word(shown, [...at, "path"], NODE_NAMES);
        return name === undefined || access === undefined ? undefined : { name, access };
      }),
      selfMade: this.each(file, "selfMade", ["kind", "max"], (entry, at) => {
        const kind = this.entries.word(entry["kind"], [...at, "kind"], SELF_MADE_KINDS);
        const max = this.entries.count(entry["max"], [...at, "max"]);
        return kind === undefined || max === undefined ? undefined : { kind, max };
      }),
      attach: this.each(file, "attach", ["path", "access"], (entry, at) => {
        const path = this.path(entry["path"], [...at, "path"], "none");
        const access = this.entries.word(entry["access"], [...at, "access"], NODE_ACCESSES);
        return path === undefined || access === undefined ? undefined : { path, access };
      }),
      absent: this.each(file, "absent", ["path"], (entry, at) => {
        const path = this.path(entry["path"], [...at, "path"], "whole");
        return path === undefined ? undefined : { path };
      }),
    };
  }

  private each<T>(
    file: Mapping,
    key: string,
    keys: readonly string[],
    read: (entry: Mapping, at: KeyPath) => T | undefined,
  ): Grant<T>[] {
    return this.entries.list(file[key], [key]).flatMap((item, index) => {
      const at = [key, index];
      const entry = this.entries.mapping(item, at);
      if (entry === undefined) return [];
      this.entries.knownKeys(entry, at, [...keys, "why"]);
      const why = this.entries.why(entry, at);
      const granted = read(entry, at);
      return why === undefined || granted === undefined ? [] : [{ ...granted, why, position: this.entries.text.positionOf(at) }];
    });
  }

  /** An absolute path without empty, `.` and `..` components. */
  private path(value: unknown, at: KeyPath, stars: keyof typeof STARS): string | undefined {
    if (typeof value !== "string" || !value.startsWith("/")) {
      return this.entries.refuse(at, `${quotePath(at)} must be an absolute path, not ${quoteValue(value)}`);
    }
    const components = value.split("/").slice(1);
    if (components.some((component) => component === "" || component === "." || component === "..")) {
      return this.entries.refuse(at, `${quoteValue(value)} must be written without empty, "." and ".." components`);
    }
    const { allowed, rule } = STARS[stars];
    const misplaced = components.some(
      (component, index) => component.includes("*") && !allowed(component, index === components.length - 1),
    );
    return misplaced ? this.entries.refuse(at, `${quoteValue(value)}: ${rule}`) : value;
  }
}
