import { spawnSync } from "node:child_process";
import { accessSync, closeSync, constants, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { constants as osConstants, tmpdir } from "node:os";
import { join } from "node:path";
import { setFileContext } from "../../src/kernel/index.js";
import { buildRoot, repositoryRoot } from "./repository.js";
import { compileVictim } from "./victim/compile_victim.js";

const SANITIZED_FOLDER = join(repositoryRoot, "native/build/sanitized");

/** Answers null when the machine has what is asked for, else why not. */
type Probe = () => string | null;

/** What a suite may declare to need. Each is probed by use where that is cheap, never guessed from a version. */
const PROBES = {
  root: () => (process.getuid?.() === 0 ? null : "not running as root"),
  kvm: () => holds('import { probeHost } from "./src/host/index.js"', "probeHost().kvm.available || probeHost().kvm.why"),
  tun: () => opens("/dev/net/tun"),
  loop: () => opens("/dev/loop-control") ?? runs("losetup", ["--version"]),
  qemu: () => runs("qemu-system-x86_64", ["-version"]),
  "qemu-tcg": probeQemuTcg,
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
  audit: probeAudit,
  "ia32-emulation": probeInt80,
  "cgroup-v2": () => filesystemMounted("cgroup2"),
  "cgroup-v2-controllers": probeCgroupControllers,
  "sanitized-builds": probeSanitizedBuilds,
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

/**
 * Whether an expression over the built modules is true; a string says why not. In a process of its own: the harness loads no
 * addon into tests that do not ask for it.
 */
function holds(imports: string, expression: string): string | null {
  const script = `${imports}; const held = ${expression}; if (held !== true) throw new Error(held);`;
  const args = ["--input-type=module", "--eval", script.replaceAll("./src/", `${buildRoot}/src/`)];
  const { status, stderr } = spawnSync(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
  return status === 0 ? null : (/^\w*Error: (.*)$/m.exec(stderr)?.[1] ?? stderr);
}

function opensToRead(path: string): string | null {
  return opens(path, constants.O_RDONLY | constants.O_NONBLOCK);
}

function opens(path: string, flags: number = constants.O_RDWR): string | null {
  try {
    closeSync(openSync(path, flags));
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

/** QEMU 8.2 and later crash under TCG with a proxied device: FIRST_CRASHING of src/plan/tcg_devices.ts tells why. */
function probeQemuTcg(): string | null {
  const { error, stdout } = spawnSync("qemu-system-x86_64", ["--version"], { encoding: "utf8" });
  if (error !== undefined) return error.message;
  const [major = 0, minor = 0] = (/version (\d+)\.(\d+)/.exec(stdout) ?? []).slice(1).map(Number);
  if (major === 0) return `qemu-system-x86_64 --version says ${JSON.stringify(stdout)}`;
  const crashes = major > 8 || (major === 8 && minor >= 2);
  return crashes ? `QEMU ${major}.${minor} crashes under TCG with a proxied device` : null;
}

/** What tells which call a filter killed for: records of audit, which the kernel makes of the actions that it is told to log. */
function probeAudit(): string | null {
  const logged = readFileSync("/proc/sys/kernel/seccomp/actions_logged", "utf8").trim().split(" ");
  if (!logged.includes("kill_process")) return "kernel.seccomp.actions_logged lacks kill_process";
  const records = holds('import { addon } from "./src/kernel/index.js"', "addon.openAuditRecords() >= 0");
  return records === null || opensToRead("/dev/kmsg") === null ? null : records;
}

/** GETPID of the i386 table by int 0x80, from a program of 64 bits: asm/unistd_32.h. */
const I386_GETPID = "20";

/** A kernel without IA32 emulation, or told not to offer it (ia32_emulation=0), has no gate for int 0x80 or answers ENOSYS. */
function probeInt80(): string | null {
  const victim = compileVictim("one_call");
  try {
    const { signal, stdout, stderr } = spawnSync(victim.path, ["none", "int80", I386_GETPID], { encoding: "utf8" });
    if (signal === "SIGSEGV") return "int 0x80 ends with SIGSEGV";
    if (stdout.trim() === `returned -${osConstants.errno.ENOSYS}`) return "int 0x80 is answered ENOSYS";
    if (/^returned \d+$/.test(stdout.trim())) return null;
    throw new Error(`int 0x80 was answered by neither a pid nor a known refusal: ${signal} ${stdout}${stderr}`);
  } finally {
    victim.remove();
  }
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

/** What `npm test` builds besides, and the tests of one file do not. */
function probeSanitizedBuilds(): string | null {
  const missing = ["device_flood", "bulkhead.node"].filter((name) => !existsSync(join(SANITIZED_FOLDER, name)));
  return missing.length === 0 ? null : `${missing.join(" and ")} are not built; npm test builds them`;
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
