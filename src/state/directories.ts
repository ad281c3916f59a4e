import { lstatSync, mkdirSync } from "node:fs";
import { StateError } from "../errors/index.js";
import { answerOf } from "../kernel/index.js";

/** Where Bulkhead keeps what outlives a command: root-owned, mode 0700. */
export interface Directories {
  /** Run records, locks and reservations; emptied by a reboot. */
  readonly run: string;
  /** Private roots, compiled filters and inventories; may be deleted at any time. */
  readonly cache: string;
  /** What must outlive a reboot: the labels that images had before they were relabelled. */
  readonly lib: string;
  /** The event log. */
  readonly log: string;
  /** The socket of journald, which gets every event too; nothing happens where there is none. Not made by us. */
  readonly journal: string;
}

const DEFAULTS: Directories = {
  run: "/run/bulkhead",
  cache: "/var/cache/bulkhead",
  lib: "/var/lib/bulkhead",
  log: "/var/log/bulkhead",
  journal: "/run/systemd/journal/socket",
};

/** One directory for all of them, for tests and for trying things out beside a production host: `BULKHEAD_STATE=/tmp/x`. */
const OVERRIDE = "BULKHEAD_STATE";
/** The cache alone, which is worth keeping when everything else is new. */
const CACHE_OVERRIDE = "BULKHEAD_CACHE";

/** The directories of this call, made when absent. Throws StateError "state-unwritable" and "state-untrusted". */
export function openDirectories(environment: NodeJS.ProcessEnv = process.env): Directories {
  const base = environment[OVERRIDE];
  const places = base === undefined ? DEFAULTS : placesBelow(base);
  const directories = { ...places, cache: environment[CACHE_OVERRIDE] ?? places.cache };
  for (const path of [
    ...(base === undefined ? [] : [base]),
    directories.run,
    directories.cache,
    directories.lib,
    directories.log,
  ]) {
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw new StateError({
        code: "state-unwritable",
        tried: `Cannot make the state directory ${path}`,
        subject: path,
        answer: answerOf(cause),
        remedy: `Run as root, or set ${OVERRIDE} to a directory you own.`,
        cause,
      });
    }
    requireOwnDirectory(path);
  }
  return directories;
}

function placesBelow(base: string): Directories {
  return { run: `${base}/run`, cache: `${base}/cache`, lib: `${base}/lib`, log: `${base}/log`, journal: `${base}/journal` };
}

/** Write permission of group and others: inode(7). */
const WRITABLE_BY_OTHERS = 0o022;

/**
 * Throws StateError "state-untrusted" unless the path itself, not what a link leads to, is a directory that only this user
 * may write: records name processes to kill, and the cache holds filters that are installed as they are.
 */
export function requireOwnDirectory(path: string): void {
  const facts = lstatSync(path);
  const owner = process.geteuid?.();
  const answer = !facts.isDirectory()
    ? "it is no directory itself"
    : facts.uid !== owner
      ? `uid ${facts.uid} owns it, not uid ${owner}`
      : (facts.mode & WRITABLE_BY_OTHERS) !== 0
        ? `others may write it (mode ${(facts.mode & 0o7777).toString(8)})`
        : null;
  if (answer === null) return;
  throw new StateError({
    code: "state-untrusted",
    tried: `Cannot trust the state directory ${path}`,
    subject: path,
    answer,
    remedy: `Remove it, or run chown and \`chmod go-w\` on it when you know all that it holds; ${OVERRIDE} names another place.`,
  });
}
