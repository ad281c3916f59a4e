import { randomInt } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import { StateError } from "../errors/index.js";
import type { Directories } from "./directories.js";

/** Draws before giving up; with a range ten times the VMs on the host, one in 10^64 draws needs this many. */
const DRAWS_MAX = 64;

/** Uids from `first` to `last`, both included. */
export interface UidRange {
  readonly first: number;
  readonly last: number;
}

/** What may stand in the way of a uid; read once per launch. */
export interface UidUse {
  /** Ranges of /etc/subuid and /etc/subgid that belong to somebody else. */
  readonly delegated: readonly UidRange[];
  /** Uids and gids of accounts, groups and running processes: a VM's process has one number for both. */
  readonly used: ReadonlySet<number>;
}

/** Owner name under which /etc/subuid may delegate a range to Bulkhead itself. */
const OWN_SUBUID_NAME = "bulkhead";

function readLines(path: string): string[] {
  try {
    return readFileSync(path, "utf8")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** subuid(5), and subgid(5) likewise: `owner:first:count`. */
export function parseSubuid(lines: readonly string[]): UidRange[] {
  return lines.flatMap((line) => {
    const [owner, first, count] = line.split(":");
    if (owner === OWN_SUBUID_NAME || first === undefined || count === undefined) return [];
    return [{ first: Number(first), last: Number(first) + Number(count) - 1 }];
  });
}

/** Real, effective, saved and file-system uid of a process; empty when it ended. Not the owner of /proc/PID: that is root for a process that changed its uid and did not exec since (undumpable, proc(5)). */
export function uidsOfProcess(pid: number): number[] {
  return numbersOfStatus(pid, /^Uid:(.*)$/gm);
}

/** The numbers of those lines of /proc/PID/status: proc_pid_status(5). */
function numbersOfStatus(pid: number, lines: RegExp): number[] {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return [...status.matchAll(lines)].flatMap((line) => line[1]?.match(/\d+/g) ?? []).map(Number);
  } catch {
    return []; // Ended meanwhile.
  }
}

/** Files in which the accounts and groups of this host stand; tests name their own. */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
  readonly subuid: string;
  readonly subgid: string;
}

const ACCOUNT_FILES: AccountFiles = {
  passwd: "/etc/passwd",
  group: "/etc/group",
  subuid: "/etc/subuid",
  subgid: "/etc/subgid",
};

/** Reads who uses which uid or gid on this host: accounts, groups, delegations, live processes. */
export function readUidUse(files: AccountFiles = ACCOUNT_FILES): UidUse {
  // passwd(5) has uid and gid in its third and fourth field, group(5) the gid in its third.
  const accounts = readLines(files.passwd).flatMap((line) => line.split(":").slice(2, 4).map(Number));
  const groups = readLines(files.group).map((line) => Number(line.split(":")[2]));
  const running = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => numbersOfStatus(Number(pid), /^(?:Uid|Gid|Groups):(.*)$/gm));
  return {
    delegated: [files.subuid, files.subgid].flatMap((path) => parseSubuid(readLines(path))),
    used: new Set([...accounts, ...groups, ...running]),
  };
}

/**
 * Reserves one uid of the range that nobody on this host holds, for as long as its file stands in the run directory.
 * The exclusive creation of that file settles races between launchers. Throws StateError "uids-exhausted".
 */
export function reserveUid(
  directories: Directories,
  range: UidRange,
  owner: { readonly vm: string; readonly use: UidUse },
): number {
  const directory = `${directories.run}/uids`;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return drawUid(range, owner, (uid) => {
    try {
      writeFileSync(`${directory}/${uid}`, owner.vm, { flag: "wx", mode: 0o600 });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      return false;
    }
  });
}

/** Draws uids of the range that nobody on this host holds until `take` accepts one. Throws StateError "uids-exhausted". */
export function drawUid(
  range: UidRange,
  owner: { readonly vm: string; readonly use: UidUse },
  take: (uid: number) => boolean,
): number {
  const free = withoutRanges(range, owner.use.delegated);
  const count = free.reduce((sum, part) => sum + part.last - part.first + 1, 0);
  if (count === 0) throw exhausted(range, owner.vm, "all of them are delegated to others in /etc/subuid or /etc/subgid");
  for (let draw = 0; draw < DRAWS_MAX; draw += 1) {
    const uid = memberOf(free, randomInt(count));
    if (!owner.use.used.has(uid) && take(uid)) return uid;
  }
  throw exhausted(range, owner.vm, `${DRAWS_MAX} uids drawn at random were all taken`);
}

/** What is left of a range without others, in ascending order. */
function withoutRanges(range: UidRange, others: readonly UidRange[]): UidRange[] {
  return others.reduce<UidRange[]>(
    (parts, other) =>
      parts.flatMap((part) => {
        if (other.last < part.first || other.first > part.last) return [part];
        const below = { first: part.first, last: other.first - 1 };
        const above = { first: other.last + 1, last: part.last };
        return [below, above].filter(({ first, last }) => first <= last);
      }),
    [range],
  );
}

/** The uid that is `index` places into the parts, counted through all of them. */
function memberOf(parts: readonly UidRange[], index: number): number {
  let rest = index;
  for (const { first, last } of parts) {
    if (rest <= last - first) return first + rest;
    rest -= last - first + 1;
  }
  throw new RangeError(`no uid ${index} in ${parts.length} ranges`);
}

function exhausted(range: UidRange, vm: string, answer: string): StateError {
  const { first, last } = range;
  return new StateError({
    code: "uids-exhausted",
    tried: `Cannot reserve a uid of ${first}-${last} for VM "${vm}"`,
    subject: `${first}-${last}`,
    answer,
    remedy: "Widen `uids` in the host file, or remove what /etc/subuid delegates inside it.",
  });
}

export function releaseUids(directories: Directories, uids: readonly number[]): void {
  for (const uid of uids) {
    try {
      unlinkSync(`${directories.run}/uids/${uid}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}

/** Uids reserved by a VM, from the reservations themselves: a launcher may die between reserving and recording. */
export function reservedUids(directories: Directories, vm: string): number[] {
  const directory = `${directories.run}/uids`;
  return unlessGone(() => readdirSync(directory), [])
    .filter((uid) => unlessGone(() => readFileSync(`${directory}/${uid}`, "utf8"), null) === vm)
    .map(Number);
}

/** Names of VMs that hold uids. */
export function reservingVms(directories: Directories): string[] {
  const directory = `${directories.run}/uids`;
  const owners = unlessGone(() => readdirSync(directory), []).map((uid) =>
    unlessGone(() => readFileSync(`${directory}/${uid}`, "utf8"), ""),
  );
  return [...new Set(owners)].filter((vm) => vm !== "");
}

/** Removes reservations without an owner: their launchers died between making the file and writing the VM's name into it. */
export function removeUnwrittenReservations(directories: Directories, ageMs: number): void {
  const directory = `${directories.run}/uids`;
  for (const uid of unlessGone(() => readdirSync(directory), [])) {
    const facts = statSync(`${directory}/${uid}`, { throwIfNoEntry: false });
    if (facts?.size === 0 && Date.now() - facts.mtimeMs >= ageMs) releaseUids(directories, [Number(uid)]);
  }
}

/** Other launchers release their uids at any moment. */
function unlessGone<Found, Otherwise>(read: () => Found, otherwise: Otherwise): Found | Otherwise {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return otherwise;
    throw error;
  }
}
