import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { listThreads } from "../../src/observe/index.js";

/** Least quota that the kernel takes, per longest period: Documentation/scheduler/sched-bwc.rst. In us. */
const QUOTA_US = 1000;
const PERIOD_US = 1_000_000;

/** Where the cpu controller of this host is, as a group for `name` would be below it. */
function cpuGroup(name: string): { readonly path: string; readonly version: 1 | 2 } {
  const mounts = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "));
  const first = mounts.find(([, , type, options]) => type === "cgroup" && options?.split(",").includes("cpu"));
  if (first !== undefined) return { path: `${first[1]}/${name}`, version: 1 };
  const second = mounts.find(([, , type]) => type === "cgroup2");
  if (second === undefined) throw new Error("no cgroup file system is mounted");
  return { path: `${second[1]}/bulkhead/${name}`, version: 2 };
}

/** Gives the processes of VM `name` together a thousandth of a CPU. Returns what ends that. */
export function starve(name: string, pids: Iterable<number>): () => void {
  const { path, version } = cpuGroup(name);
  if (version === 2) {
    writeFileSync(`${path}/cpu.max`, `${QUOTA_US} ${PERIOD_US}`);
    return () => writeFileSync(`${path}/cpu.max`, "max");
  }
  mkdirSync(path);
  writeFileSync(`${path}/cpu.cfs_period_us`, String(PERIOD_US));
  writeFileSync(`${path}/cpu.cfs_quota_us`, String(QUOTA_US));
  for (const pid of pids) for (const tid of listThreads(pid)) writeFileSync(`${path}/tasks`, String(tid));
  return () => {
    writeFileSync(`${path}/cpu.cfs_quota_us`, "-1");
  };
}

/** Removes the group of a VM whose processes have ended. */
export function endStarvation(name: string): void {
  const { path, version } = cpuGroup(name);
  if (version === 1) rmdirSync(path);
}
