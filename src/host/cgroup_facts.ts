import { readFileSync } from "node:fs";

/** Controllers that the `cgroup` layer uses when the host lends them; io is for the device's `limits`. */
export const USED_CONTROLLERS = ["cpu", "io", "memory", "pids"] as const;
export type Controller = (typeof USED_CONTROLLERS)[number];

/** Where processes can be grouped. A hierarchy without a controller still groups, counts and kills. */
export type CgroupFacts =
  | { readonly kind: "v2"; readonly mount: string; readonly controllers: readonly Controller[]; readonly why: string | null }
  | { readonly kind: "none"; readonly why: string };

interface Mount {
  readonly target: string;
  readonly type: string;
}

/** Fields of /proc/self/mountinfo: proc_pid_mountinfo(5); the type follows the separator `-`. */
function parseMounts(mountinfo: string): Mount[] {
  return mountinfo
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const fields = line.split(" ");
      const separator = fields.indexOf("-");
      return { target: fields[4] ?? "", type: fields[separator + 1] ?? "" };
    });
}

/** Reads the host's cgroup hierarchies. A v2 hierarchy that shares the host with v1 has only the controllers v1 left over. */
export function readCgroupFacts(mountinfo = readFileSync("/proc/self/mountinfo", "utf8")): CgroupFacts {
  const mounts = parseMounts(mountinfo);
  const v2 = mounts.find((mount) => mount.type === "cgroup2");
  if (v2 === undefined) return { kind: "none", why: "no cgroup v2 hierarchy is mounted on this host" };
  const offered = readFileSync(`${v2.target}/cgroup.controllers`, "utf8").trim().split(" ");
  const controllers = USED_CONTROLLERS.filter((name) => offered.includes(name));
  const missing = USED_CONTROLLERS.filter((name) => !controllers.includes(name));
  if (missing.length === 0) return { kind: "v2", mount: v2.target, controllers, why: null };
  const hybrid = mounts.some((mount) => mount.type === "cgroup");
  const why = hybrid
    ? `cgroup v1 holds ${missing.join(", ")} on this host; boot with systemd.unified_cgroup_hierarchy=1 to give them to v2`
    : `the kernel offers no ${missing.join(", ")} controller in cgroup v2`;
  return { kind: "v2", mount: v2.target, controllers, why };
}
