import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, unlink, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { deserialize, serialize } from "node:v8";
import { isSystemError } from "../kernel/index.js";
import { requireOwnDirectory } from "./directories.js";

/** Entries kept before the older half goes; each is some KiB, and one is made per VM file and per change of policy. */
const ENTRIES_MAX = 4096;

/** Bytes of SHA-256, which stand before the value. */
const DIGEST_BYTES = 32;

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
    let entry: Buffer;
    try {
      requireOwnDirectory(this.#directory);
      entry = readFileSync(this.#path(kind, content));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    const value = entry.subarray(DIGEST_BYTES);
    return digest(value).equals(entry.subarray(0, DIGEST_BYTES)) ? deserialize(value) : undefined;
  }

  /** Keeps a result. One that cannot be kept, as on a full or read-only file system, is computed again by the next who asks. */
  put(kind: string, content: string, value: unknown): void {
    // Structured clone: unlike JSON it keeps bigint, and reading it back takes a third of the time.
    const bytes = serialize(value);
    const path = this.#path(kind, content);
    const aside = `${path}.${process.pid}`;
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      requireOwnDirectory(this.#directory);
      this.#makeRoom();
      writeFileSync(aside, Buffer.concat([digest(bytes), bytes]), { mode: 0o600 });
      renameSync(aside, path);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      // What was written of it; the next sweep finds it where this fails too.
      unlink(aside, () => {});
    }
  }

  /** Of too many entries the older half goes. Another launcher may be doing the same. */
  #makeRoom(): void {
    const names = readdirSync(this.#directory);
    if (names.length < ENTRIES_MAX) return;
    const ageOf = (name: string): number => statSync(`${this.#directory}/${name}`, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    const byAge = names.map((name) => ({ name, mtimeMs: ageOf(name) })).sort((a, b) => a.mtimeMs - b.mtimeMs);
    for (const { name } of byAge.slice(0, names.length / 2)) rmSync(`${this.#directory}/${name}`, { force: true });
  }

  #path(kind: string, content: string): string {
    return `${this.#directory}/${digest(`${codeIdentity()}\n${kind}\n${content}`).toString("hex")}`;
  }
}

function digest(content: string | Buffer): Buffer {
  return createHash("sha256").update(content).digest();
}

let knownIdentity: string | undefined;

/** Changes with every build of our code: names, sizes and times of its compiled files. */
function codeIdentity(): string {
  if (knownIdentity !== undefined) return knownIdentity;
  const top = fileURLToPath(new URL("..", import.meta.url));
  const files = readdirSync(top, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js"));
  const lines = files.map((name) => {
    const { size, mtimeMs } = statSync(`${top}${name}`);
    return `${name}:${size}:${mtimeMs}`;
  });
  knownIdentity = digest(lines.sort().join("\n")).toString("hex");
  return knownIdentity;
}
