import { readdirSync, statSync } from "node:fs";
import {
  NAMESPACE_FILES,
  type NamespaceKind,
  type ObservedMount,
  type ObservedProcess,
  ProcessDirectory,
} from "../observe/index.js";
import type { ProcessPlan } from "../plan/index.js";
import { compareCgroupFiles } from "./cgroup_files.js";
import type { Comparison } from "./difference.js";

/** Namespaces that a process must not share: the host's and those of the other processes of the VM. */
export interface ForeignNamespaces {
  readonly owner: string;
  readonly namespaces: Readonly<Record<NamespaceKind, string>>;
}

export function compareNamespaces(
  plan: ProcessPlan,
  observed: ObservedProcess,
  foreign: readonly ForeignNamespaces[],
  comparison: Comparison,
): void {
  for (const kind of Object.keys(NAMESPACE_FILES) as NamespaceKind[]) {
    if (!plan.namespaces.includes(kind)) continue;
    const sharer = foreign.find((other) => other.namespaces[kind] === observed.namespaces[kind]);
    if (sharer !== undefined) comparison.note("namespaces", `a ${kind} namespace of its own`, `shares it with ${sharer.owner}`);
  }
}

/** Mount options that matter for confinement; atime options do not. */
const OPTIONS = ["ro", "nosuid", "nodev", "noexec"] as const;

function describeMount(mount: ObservedMount): string {
  return `${mount.target} ${mount.type} ${OPTIONS.filter((option) => mount.options.includes(option)).join(",")}`;
}

function plannedMounts(plan: ProcessPlan): string[] {
  const mounts = plan.root.filter((entry) => ["/", "/dev", "/boot"].includes(entry.target));
  // /dev cannot be nodev, and / must be able to execute.
  return mounts.map((entry) => (entry.target === "/" ? "/ ro,nosuid,nodev" : `${entry.target} tmpfs ro,nosuid,noexec`)).sort();
}

export function compareRoot(plan: ProcessPlan, observed: ObservedProcess, comparison: Comparison): void {
  const mounts = observed.mounts.map((mount) =>
    mount.target === "/" ? describeMount(mount).replace(/^\/ \S+/, "/") : describeMount(mount),
  );
  comparison.expect("root", plannedMounts(plan).join("; "), mounts.sort().join("; "));
  const source = plan.root.find((entry) => entry.target === "/")?.source ?? "";
  const shown = observed.mounts.find((mount) => mount.target === "/")?.root ?? "nothing";
  // The mount shows the path within its file system, which may be mounted anywhere; compareRootDirectory is exact.
  if (!source.endsWith(shown)) comparison.note("root", source, shown);
  comparison.expect("root", "working directory /", `working directory ${observed.cwd}`);
  compareNodes(plan, observed, comparison);
}

/** The copies of a direct boot's files, and nothing else; no /boot without one. */
export function compareBoot(plan: ProcessPlan, observed: ObservedProcess, comparison: Comparison): void {
  if (!plan.root.some((entry) => entry.target === "/boot")) return;
  const planned = plan.root.flatMap(({ target }) => (target.startsWith("/boot/") ? [target.slice("/boot/".length)] : []));
  const held = readdirSync(`/proc/${observed.pid}/root/boot`);
  comparison.expect("root", `/boot holds ${planned.sort().join(", ")}`, `/boot holds ${held.sort().join(", ")}`);
}

/** The root of the live process and the prepared directory are one inode; returns whether they are. */
export function compareRootDirectory(plan: ProcessPlan, observed: ObservedProcess, comparison: Comparison): boolean {
  const source = plan.root.find((entry) => entry.target === "/")?.source ?? "";
  const [planned, actual] = [source, `/proc/${observed.pid}/root/`].map((path) => statSync(path, { throwIfNoEntry: false }));
  comparison.expect(
    "root",
    `${source} is inode ${planned?.dev}:${planned?.ino}`,
    `${source} is inode ${actual?.dev}:${actual?.ino}`,
  );
  return planned !== undefined && planned.dev === actual?.dev && planned.ino === actual.ino;
}

function compareNodes(plan: ProcessPlan, observed: ObservedProcess, comparison: Comparison): void {
  const directory = new ProcessDirectory(observed.pid);
  try {
    const nodes = directory
      .list("root/dev")
      .sort()
      .map((name) => {
        const facts = directory.stat(`root/dev/${name}`);
        return `${name} ${facts.rdev >> 8}:${facts.rdev & 0xff} ${(facts.mode & 0o777).toString(8)} of ${facts.uid}:${facts.gid}`;
      });
    const planned = plan.nodes.map(
      (node) => `${node.name} ${node.major}:${node.minor} ${node.mode.toString(8)} of ${plan.uid}:${plan.gid}`,
    );
    comparison.expect("root", `/dev holds ${planned.sort().join(", ")}`, `/dev holds ${nodes.join(", ")}`);
  } finally {
    directory.close();
  }
}

export function compareLimits(plan: ProcessPlan, observed: ObservedProcess, comparison: Comparison): void {
  for (const [name, value] of Object.entries(plan.limits)) {
    const limit = observed.limits[name];
    comparison.expect("rlimits", `${name} ${value}, ${value}`, `${name} ${limit?.soft}, ${limit?.hard}`);
  }
}

export function compareDumpable(observed: ObservedProcess, comparison: Comparison): void {
  comparison.expect("dumpable", "not dumpable", observed.dumpable ? "dumpable" : "not dumpable");
}

/** The group by the kernel's view and by the group's own list, and the limits that were written. */
export function compareCgroup(plan: ProcessPlan, observed: ObservedProcess, comparison: Comparison): void {
  if (plan.cgroup === null) return;
  // The kernel shows the path below the hierarchy's root: group of ours, VM, process.
  const below = `/${plan.cgroup.path.split("/").slice(-3).join("/")}`;
  comparison.expect("cgroup", below, observed.cgroup ?? "none");
  for (const difference of compareCgroupFiles(plan.cgroup)) comparison.note("cgroup", plan.cgroup.path, difference);
  const children = readdirSync(plan.cgroup.path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const child of children) comparison.note("cgroup", "no groups below it", child.name);
}

export function compareCookie(
  plan: ProcessPlan,
  observed: ObservedProcess,
  peers: readonly ObservedProcess[],
  comparison: Comparison,
): void {
  if (plan.layers["core-scheduling"].status !== "enforced") return;
  const cookie = observed.coreCookie ?? 0n;
  if (cookie === 0n) comparison.note("core-scheduling", "a cookie", "none");
  const other = peers.find((peer) => peer.coreCookie !== cookie);
  if (other !== undefined) comparison.note("core-scheduling", `the cookie of its VM (${other.coreCookie})`, String(cookie));
}
