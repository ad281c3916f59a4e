import { readFileSync } from "node:fs";
import { type ObservedMount, parseMountinfo } from "../mount.js";
import type { ProcessDirectory } from "../process_directory.js";
import { attempt, type Reading } from "./reading.js";

/** Resources that a cgroup can limit and that one process can take from all others. */
export const LIMITED_RESOURCES = ["memory", "pids", "cpu"] as const;
export type LimitedResource = (typeof LIMITED_RESOURCES)[number];

/** The tightest limit that stands above a process; null: none does. */
export interface CgroupLimit {
  /** `536870912`, `100000 100000`, in the words of its interface file. */
  readonly limit: string;
  /** Which file says so: path below the mount of its hierarchy. */
  readonly file: string;
}

export interface LiveCgroups {
  /** Lines of /proc/PID/cgroup. */
  readonly groups: readonly { readonly controllers: readonly string[]; readonly path: string }[];
  readonly limits: Readonly<Record<LimitedResource, Reading<CgroupLimit | null>>>;
}

/** Interface files: Documentation/admin-guide/cgroup-v2.rst, and cgroup-v1/{memory,pids}.rst, scheduler/sched-bwc.rst. */
const FILES: Readonly<Record<LimitedResource, { readonly v2: string; readonly v1: string }>> = {
  memory: { v2: "memory.max", v1: "memory.limit_in_bytes" },
  pids: { v2: "pids.max", v1: "pids.max" },
  cpu: { v2: "cpu.max", v1: "cpu.cfs_quota_us" },
};

/** PAGE_COUNTER_MAX in bytes, which v1 prints for "no limit": include/linux/page_counter.h, LONG_MAX in whole pages. */
const V1_MEMORY_UNLIMITED = "9223372036854771712";

interface Hierarchy {
  readonly mount: string;
  readonly version: "v1" | "v2";
  /** The group at the mount's root: the groups of a container begin below the host's root. */
  readonly root: string;
}

/** Where the hierarchies of this host are mounted, read once for many processes. */
export class CgroupMounts {
  #mounts: readonly ObservedMount[] | null = null;

  get all(): readonly ObservedMount[] {
    this.#mounts ??= parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8"));
    return this.#mounts;
  }
}

export function observeCgroups(directory: ProcessDirectory, mounts: CgroupMounts): Reading<LiveCgroups> {
  return attempt(() => {
    const groups = parseGroups(directory.read("cgroup"));
    const limits = Object.fromEntries(
      LIMITED_RESOURCES.map((resource) => [resource, attempt(() => findLimit(groups, resource, mounts))]),
    ) as LiveCgroups["limits"];
    return { groups, limits };
  });
}

/** `4:memory:/a/b`; `0::/a` is the v2 hierarchy: cgroups(7). */
function parseGroups(text: string): LiveCgroups["groups"] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [, controllers = "", ...path] = line.split(":");
      return { controllers: controllers === "" ? [] : controllers.split(","), path: path.join(":") };
    });
}

function findLimit(groups: LiveCgroups["groups"], resource: LimitedResource, mounts: CgroupMounts): CgroupLimit | null {
  const own =
    groups.find(({ controllers }) => controllers.includes(resource)) ??
    groups.find(({ controllers }) => controllers.length === 0);
  if (own === undefined) return null;
  const hierarchy = findHierarchy(own.controllers.length === 0 ? null : resource, mounts);
  const path = own.path.startsWith(hierarchy.root) ? own.path.slice(hierarchy.root.length) : own.path;
  if (path.includes("/..")) throw new Error(`its group ${own.path} is outside of the reader's cgroup namespace`);
  const file = FILES[resource][hierarchy.version];
  for (let group = path.replace(/\/$/, ""); ; group = group.slice(0, group.lastIndexOf("/"))) {
    const limit = readLimit(`${hierarchy.mount}${group}/${file}`);
    if (limit !== null) return { limit, file: `${group}/${file}` };
    if (group === "") return null;
  }
}

/** Null: no limit. A root group has no such file, nor has a group that was not lent the controller. */
function readLimit(path: string): string | null {
  try {
    const text = readFileSync(path, "utf8").trim();
    return text === "-1" || text === V1_MEMORY_UNLIMITED || /^max\b/.test(text) ? null : text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** `controller` null: the v2 hierarchy. */
function findHierarchy(controller: LimitedResource | null, { all }: CgroupMounts): Hierarchy {
  const type = controller === null ? "cgroup2" : "cgroup";
  const found = all.find((mount) => mount.type === type && (controller === null || mount.superOptions.includes(controller)));
  if (found === undefined) throw new Error(`no ${type}${controller === null ? "" : ` with ${controller}`} is mounted here`);
  return { mount: found.target, version: controller === null ? "v2" : "v1", root: found.root === "/" ? "" : found.root };
}
