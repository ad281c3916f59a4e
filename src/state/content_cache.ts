import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { requireOwnDirectory } from "./directories.js";

/** Entries kept before the cache starts anew; each is some KiB, and one is made per VM file and per change of policy. */
const ENTRIES_MAX = 4096;

/** Values of `bigint` survive JSON under this key, which no value of ours has. */
const BIGINT_KEY = "$bigint";

/**
 * Results of pure computations, by the content they were computed from and the code that computed them. A launch is
 * repeated with the same files far more often than it is new. Entries carry their own hash; a damaged one is computed
 * anew. The directory is the launcher's own, like the filters and roots beside it.
 */
export class ContentCache {
  readonly #directory: string;

  constructor(cacheDirectory: string) {
    this.#directory = `${cacheDirectory}/results`;
  }

  /** The kept result for this content, or undefined. Throws StateError "state-untrusted". */
  get(kind: string, content: string): unknown {
    let entry: string;
    try {
      requireOwnDirectory(this.#directory);
      entry = readFileSync(this.#path(kind, content), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    const newline = entry.indexOf("\n");
    const text = entry.slice(newline + 1);
    return entry.slice(0, newline) === digest(text) ? JSON.parse(text, reviveBigint) : undefined;
  }

  put(kind: string, content: string, value: unknown): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    requireOwnDirectory(this.#directory);
    if (readdirSync(this.#directory).length >= ENTRIES_MAX) {
      rmSync(this.#directory, { recursive: true });
      mkdirSync(this.#directory, { mode: 0o700 });
    }
    const text = JSON.stringify(value, (_key, member: unknown) =>
      typeof member === "bigint" ? { [BIGINT_KEY]: String(member) } : member,
    );
    const path = this.#path(kind, content);
    const aside = `${path}.${process.pid}`;
    writeFileSync(aside, `${digest(text)}\n${text}`, { mode: 0o600 });
    renameSync(aside, path);
  }

  #path(kind: string, content: string): string {
    return `${this.#directory}/${digest(`${codeIdentity()}\n${kind}\n${content}`)}.json`;
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function reviveBigint(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || !(BIGINT_KEY in value)) return value;
  return BigInt((value as Record<string, string>)[BIGINT_KEY] as string);
}

let knownIdentity: string | undefined;

/** Changes with every build: names, sizes and times of all compiled files of ours. */
function codeIdentity(): string {
  if (knownIdentity !== undefined) return knownIdentity;
  const top = fileURLToPath(new URL("..", import.meta.url));
  const files = readdirSync(top, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".js"))
    .sort();
  const lines = files.map((name) => {
    const { size, mtimeMs } = statSync(`${top}${name}`);
    return `${name}:${size}:${mtimeMs}`;
  });
  knownIdentity = digest(lines.join("\n"));
  return knownIdentity;
}
