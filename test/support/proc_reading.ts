/**
 * The tests' own reading of /proc, sharing nothing with src/observe: what it says of a process is what the launcher's
 * verification is held against.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";

/** A field of /proc/PID/task/TID/status for every thread of a process. */
export function statusOfThreads(pid: number, field: string): string[] {
  return readdirSync(`/proc/${pid}/task`).map((tid) => {
    const text = readFileSync(`/proc/${pid}/task/${tid}/status`, "utf8");
    return new RegExp(`^${field}:[ \t]*(.*)$`, "m").exec(text)?.[1]?.trim() ?? "absent";
  });
}

export function namespaceOf(pid: number | "self", name: string): string {
  return readlinkSync(`/proc/${pid}/ns/${name}`);
}

/** `fd -> what it is` for every open fd; the one that reads the list of this very process is gone when it is read. */
export function linksOfFds(pid: number): Map<number, string> {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => [Number(fd), linkOrNull(`/proc/${pid}/fd/${fd}`)] as const);
  return new Map(links.filter((entry): entry is readonly [number, string] => entry[1] !== null));
}

/** Inodes of the sockets that a process holds. */
export function socketsOf(pid: number): Set<number> {
  const inodes = [...linksOfFds(pid).values()].map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1]);
  return new Set(inodes.flatMap((inode) => (inode === undefined ? [] : [Number(inode)])));
}

/** The peer's inode for each connected UNIX socket of this network namespace, as ss(8) of iproute2 learns it by sock_diag(7). */
export function socketPeers(): Map<number, number> {
  const lines = execFileSync("ss", ["--unix", "--all", "--numeric", "--no-header"], { encoding: "utf8" }).trim().split("\n");
  // Netid State Recv-Q Send-Q, then path and inode of the socket itself and of its peer.
  const pairs = lines
    .map((line) => line.trim().split(/\s+/))
    .map((words) => [Number(words.at(-3)), Number(words.at(-1))] as const);
  return new Map(pairs);
}

function linkOrNull(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

/** Paths of all regular files below a directory, with their modes. */
export function filesBelow(directory: string, prefix = ""): Map<string, number> {
  const files = new Map<string, number>();
  for (const entry of readdirSync(`${directory}${prefix}`, { withFileTypes: true })) {
    const path = `${prefix}/${entry.name}`;
    if (entry.isDirectory()) for (const [inner, mode] of filesBelow(directory, path)) files.set(inner, mode);
    else if (entry.isFile()) files.set(path, statSync(`${directory}${path}`).mode & 0o7777);
  }
  return files;
}

/** Soft and hard limit by the kernel's name for it. */
export function limitOf(pid: number, name: string): [string, string] {
  const line =
    readFileSync(`/proc/${pid}/limits`, "utf8")
      .split("\n")
      .find((candidate) => candidate.startsWith(name)) ?? "";
  const [soft, hard] = line.slice(name.length).trim().split(/\s+/);
  return [soft ?? "", hard ?? ""];
}

/** Where each mount stands, with its options. */
export function mountsOf(pid: number): Map<string, string[]> {
  const lines = readFileSync(`/proc/${pid}/mounts`, "utf8")
    .split("\n")
    .filter((line) => line !== "");
  return new Map(lines.map((line) => [line.split(" ")[1] ?? "", (line.split(" ")[3] ?? "").split(",")]));
}
