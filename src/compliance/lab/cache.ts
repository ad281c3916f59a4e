import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { withLock } from "./lock.js";

/** Names the cache directory; DEFAULT_CACHE when unset. */
export const CACHE_VARIABLE = "BULKHEAD_LAB_CACHE";
const DEFAULT_CACHE = "/var/cache/bulkhead/lab";

/** What a build is told: where to say how far it is, and when to stop. */
export interface BuildContext {
  readonly progress: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/** One thing the cache can hold. `inputs` is everything its content depends on: another input makes another entry. */
export interface CacheEntry {
  /** Kebab-case; also the name of the lock. */
  readonly name: string;
  readonly inputs: unknown;
  /** Fills an empty directory. The entry appears in the cache whole or not at all. */
  readonly build: (directory: string, context: BuildContext) => Promise<void>;
}

export function cacheDirectory(): string {
  const named = process.env[CACHE_VARIABLE];
  return named === undefined || named === "" ? DEFAULT_CACHE : named;
}

/** Directory that `entry` has, or will have. */
export function entryDirectory(entry: Pick<CacheEntry, "name" | "inputs">): string {
  const digest = createHash("sha256").update(JSON.stringify(entry.inputs)).digest("hex");
  // 64 bits: enough that two recipes of one name never meet.
  return join(cacheDirectory(), `${entry.name}-${digest.slice(0, 16)}`);
}

/** An entry that another recipe replaced goes when nobody has used it for this long, in ms: two checkouts may share one cache. */
const UNUSED_MS = 24 * 3_600_000;

/** Directory of `entry`, built first when the cache lacks it. Two processes that want one entry build it once. */
export async function ensureEntry(entry: CacheEntry, context: BuildContext): Promise<string> {
  const directory = entryDirectory(entry);
  if (await markUsed(directory)) return directory;
  await mkdir(cacheDirectory(), { recursive: true, mode: 0o755 });
  const onWait = (): void => context.progress(`${entry.name}: another process builds it, waiting`);
  await withLock(join(cacheDirectory(), `${entry.name}.lock`), { onWait, signal: context.signal }, async () => {
    if (await markUsed(directory)) return;
    await removeLeftovers(entry.name);
    const building = join(cacheDirectory(), `.building-${entry.name}-${process.pid}`);
    await mkdir(building);
    try {
      const startedMs = performance.now();
      context.progress(`${entry.name}: building`);
      await entry.build(building, context);
      await rename(building, directory);
      context.progress(`${entry.name}: built in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
    } finally {
      await rm(building, { recursive: true, force: true });
    }
  });
  return directory;
}

/**
 * Half-built directories of builders that were killed, and entries of other recipes that fell out of use. Only under the entry's
 * lock: then nobody else is building one of this name.
 */
async function removeLeftovers(name: string): Promise<void> {
  const escaped = name.replaceAll(".", "\\.");
  const halfBuilt = new RegExp(`^\\.building-${escaped}-\\d+$`);
  const replaced = new RegExp(`^${escaped}-[0-9a-f]{16}$`);
  for (const found of await readdir(cacheDirectory())) {
    const path = join(cacheDirectory(), found);
    const unused = replaced.test(found) && (await isOutOfUse(path));
    if (halfBuilt.test(found) || unused) await rm(path, { recursive: true, force: true });
  }
}

/** False when there is no such entry; else its time of last use is now. */
async function markUsed(directory: string): Promise<boolean> {
  const now = new Date();
  return utimes(directory, now, now).then(
    () => true,
    () => false,
  );
}

/**
 * An empty directory for one run, which its maker removes. One whose maker was killed goes when it is as old as an unused entry:
 * by age, because the maker's pid says nothing to another container with the same cache.
 */
export async function makeRunDirectory(): Promise<string> {
  for (const found of await readdir(cacheDirectory())) {
    const path = join(cacheDirectory(), found);
    if (found.startsWith(".run-") && (await isOutOfUse(path))) await rm(path, { recursive: true, force: true });
  }
  return mkdtemp(join(cacheDirectory(), ".run-"));
}

/** A path that vanishes meanwhile was somebody's, who removed it. */
async function isOutOfUse(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found !== null && Date.now() - found.mtimeMs > UNUSED_MS;
}
