import { spawnSync } from "node:child_process";
import { accessSync, closeSync, constants, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFileContext } from "../../src/kernel/index.js";
import { buildRoot } from "./repository.js";

/** Answers null when the machine has what is asked for, else why not. */
type Probe = () => string | null;

/** What a suite may declare to need. Each is probed by use where that is cheap, never guessed from a version. */
const PROBES = {
  root: () => (process.getuid?.() === 0 ? null : "not running as root"),
  kvm: () => opens("/dev/kvm"),
  tun: () => opens("/dev/net/tun"),
  loop: () => opens("/dev/loop-control") ?? runs("losetup", ["--version"]),
  qemu: () => runs("qemu-system-x86_64", ["-version"]),
  "qemu-img": () => runs("qemu-img", ["--version"]),
  bubblewrap: () => runs("bwrap", ["--version"]),
  "loop-devices": () => runs("losetup", ["--find"]),
  man: () => runs("man", ["--version"]),
  "systemd-analyze": () => runs("systemd-analyze", ["--version"]),
  zsh: () => runs("zsh", ["--version"]),
  "label-attribute": probeLabelAttribute,
  secilc: () => findsOnPath("secilc"),
  strace: () => runs("strace", ["-V"]),
  "user-namespaces": () => runs("unshare", ["--user", "true"]),
  "mount-namespaces": () => runs("unshare", ["--mount", "true"]),
  "network-namespaces": () => runs("unshare", ["--net", "true"]),
  selinux: () => filesystemMounted("selinuxfs"),
  "selinux-enforcing": probeSelinuxEnforcing,
  "cgroup-v2": () => filesystemMounted("cgroup2"),
  "cgroup-v2-controllers": probeCgroupControllers,
  lab: () => buildsLab([]),
  "lab-core-scheduling": () => buildsLab(["--kernel", "core-scheduling"]),
} as const satisfies Record<string, Probe>;

export type Need = keyof typeof PROBES;

export interface UnmetNeed {
  readonly need: Need;
  readonly reason: string;
}

/** The first need that this machine does not meet, or null. Throws on a name that is not in the table. */
export function findUnmetNeed(needs: readonly Need[]): UnmetNeed | null {
  for (const need of needs) {
    if (!Object.hasOwn(PROBES, need)) throw new Error(`no such need "${need}"; there are: ${Object.keys(PROBES).join(", ")}`);
    const reason = PROBES[need]();
    if (reason !== null) return { need, reason };
  }
  return null;
}

function opens(path: string): string | null {
  try {
    closeSync(openSync(path, constants.O_RDWR));
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function runs(program: string, args: readonly string[]): string | null {
  const { error, status, stderr } = spawnSync(program, args, { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
  if (error !== undefined) return error.message;
  return status === 0 ? null : `${program} ${args.join(" ")}: ${stderr.trim() || `exit code ${status}`}`;
}

/** Whether the temporary folder's file system keeps labels; the kernel needs no SELinux for that. */
function probeLabelAttribute(): string | null {
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-need-"));
  try {
    setFileContext(folder, "system_u:object_r:tmp_t:s0");
    return null;
  } catch (error) {
    return (error as Error).message;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** For a program that knows no option that does nothing. */
function findsOnPath(program: string): string | null {
  const places = (process.env["PATH"] ?? "").split(":").map((folder) => join(folder, program));
  return places.some((place) => existsSync(place)) ? null : `${program} is not on PATH`;
}

/** Mount point of a file system type as this process sees it (proc_pid_mountinfo(5): the type follows the lone dash). */
function mountPoint(type: string): string | null {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  const line = mounts.find((mount) => mount.split(" - ")[1]?.startsWith(`${type} `));
  return line?.split(" ")[4] ?? null;
}

function filesystemMounted(type: string): string | null {
  return mountPoint(type) === null ? `no ${type} is mounted` : null;
}

function probeSelinuxEnforcing(): string | null {
  const selinuxfs = mountPoint("selinuxfs");
  if (selinuxfs === null) return "no selinuxfs is mounted";
  return readFileSync(`${selinuxfs}/enforce`, "utf8").trim() === "1" ? null : "SELinux is permissive";
}

/** EXIT.hostCannot of src/errors: here, that the mirror does not answer or a part of the lab cannot be made from it. */
const LAB_CANNOT = 3;

/**
 * Builds what the cache of the lab lacks: 1 s when that is nothing, else as docs/lab.md tells. Done here and not in a test, so
 * that no test's deadline pays for a download. Throws when the build itself is broken.
 */
function buildsLab(options: readonly string[]): string | null {
  const main = join(buildRoot, "src/compliance/lab/main.js");
  const { error, status, stderr } = spawnSync(process.execPath, [main, ...options, "build"], {
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
  });
  if (error !== undefined) throw error;
  if (status === 0) return null;
  const said = stderr
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("lab: "))
    .join(" ");
  if (status === LAB_CANNOT) return said;
  throw new Error(`building the lab ended with exit code ${status}: ${said}`);
}

/** The controllers that a VM's limits use. */
const CONTROLLERS = ["cpu", "io", "memory", "pids"];

function probeCgroupControllers(): string | null {
  const root = mountPoint("cgroup2");
  if (root === null) return "no cgroup2 is mounted";
  try {
    accessSync(`${root}/cgroup.subtree_control`, constants.W_OK);
  } catch (error) {
    return (error as Error).message;
  }
  const present = readFileSync(`${root}/cgroup.controllers`, "utf8").trim().split(" ");
  const missing = CONTROLLERS.filter((controller) => !present.includes(controller));
  return missing.length === 0 ? null : `${root} lacks the controllers ${missing.join(", ")}`;
}
