import type { LayerStatuses, WatchdogAction } from "../spec/index.js";

/**
 * Everything that a launch will do, as plain JSON: what `bulkhead plan --json` prints. Sizes in bytes.
 * Published as schemaVersion 1; members are added, never renamed.
 */
export interface LaunchPlan {
  readonly schemaVersion: 1;
  readonly vm: string;
  readonly machine: MachinePlan;
  /** Processes that judge the VM's qcow2 images before any other is started, each on its own image; they end with their verdict. */
  readonly judges: readonly ProcessPlan[];
  /** In start order, the VMM last. */
  readonly processes: readonly ProcessPlan[];
  /** What the launcher keeps once the guest runs, when it is asked to confine itself, as `bulkhead run` is. */
  readonly launcher: LauncherPlan;
  readonly cgroup: VmCgroupPlan | null;
  readonly onDeviceExit: "stop" | "pause";
  readonly hangDeadlineMs: number;
  readonly shutdownGraceMs: number;
}

export interface LauncherPlan {
  readonly capabilities: readonly string[];
  readonly noNewPrivs: true;
  readonly seccomp: SeccompPlan;
  readonly landlock: LandlockPlan | null;
  /** The domain that it narrows itself to; absent: without SELinux, and for a launcher in a domain of its administrator. */
  readonly selinux?: { readonly context: string };
}

export interface MachinePlan {
  readonly accel: "kvm" | "tcg";
  readonly accelWhy: string;
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly serial: { readonly kind: "stdio" | "none" } | { readonly kind: "file"; readonly file: string };
  /** Slots for devices that are added later; absent: none. */
  readonly hotPlugSlots?: number;
}

export type NamespaceName = "user" | "mount" | "pid" | "net" | "ipc" | "uts" | "cgroup";

export interface ProcessPlan {
  readonly id: string;
  readonly role: string;
  /** The program that emulates the device, as the host file names it; absent: QEMU does. */
  readonly program?: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly uid: number;
  readonly gid: number;
  readonly umask: number;
  readonly hostName: string;
  readonly namespaces: readonly NamespaceName[];
  readonly capabilities: readonly string[];
  readonly noNewPrivs: true;
  readonly fds: readonly FdPlan[];
  readonly selfMade: readonly { readonly kind: string; readonly max: number }[];
  /** What a start call gets after lock-down: EPERM, or the end of the process. */
  readonly afterLockDown: "refuse" | "kill";
  /** Opens after lock-down that the launcher answers with an fd until the process is verified. */
  readonly attach: readonly { readonly path: string; readonly access: "r" | "w" | "rw"; readonly purpose: string }[];
  /** Opens after lock-down that are answered ENOENT and are no sign of an intrusion; a component `*` stands for any one name. */
  readonly absent: readonly { readonly path: string; readonly purpose: string }[];
  /** QMP commands that attach what is not trusted, in order, once the process stands confined. */
  readonly monitor: readonly MonitorCommand[];
  /** What the launcher does when this process's watchdog expires; absent where it has none. */
  readonly onWatchdog?: WatchdogAction;
  /** What a user must know of this process's device; told at launch. Absent: nothing. */
  readonly warning?: string;
  readonly root: readonly RootEntry[];
  readonly nodes: readonly NodePlan[];
  readonly seccomp: SeccompPlan;
  readonly landlock: LandlockPlan | null;
  readonly limits: LimitsPlan;
  readonly cgroup: ProcessCgroupPlan | null;
  readonly selinux: SelinuxPlan | null;
  readonly layers: LayerStatuses;
  /** The slot of a device that was added while the VM ran; absent for all others. */
  readonly hotPlugSlot?: number;
}

export type FdKind = "null" | "pipe" | "unix-stream" | "file" | "block" | "tap" | "kvm" | "eventfd" | "memfd";

/** One inherited fd. `source` says where the launcher takes it from. */
export interface FdPlan {
  readonly fd: number;
  readonly kind: FdKind;
  readonly purpose: string;
  readonly access: "r" | "w" | "rw";
  readonly source: FdSource;
}

export type FdSource =
  | { readonly from: "null" }
  | { readonly from: "log" }
  | { readonly from: "monitor" }
  | { readonly from: "serial" }
  /** The end of the channel to or from device `device`. */
  | { readonly from: "channel"; readonly device: string }
  | { readonly from: "image"; readonly device: string; readonly path: string }
  /** Layer 1 is the backing file of the image, 2 the backing file of that. */
  | { readonly from: "backing"; readonly device: string; readonly layer: number; readonly path: string }
  /** Where the image of that layer keeps the guest's data. */
  | { readonly from: "data"; readonly device: string; readonly layer: number; readonly path: string }
  | { readonly from: "tap"; readonly name: string };

export interface MonitorCommand {
  readonly execute: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
}

/** One mount of the private root, or one file that a mount holds. */
export interface RootEntry {
  readonly target: string;
  readonly source: string;
  readonly access: "ro" | "rw";
  readonly kind: "bind" | "tmpfs" | "dev" | "proc";
}

export interface NodePlan {
  readonly name: string;
  readonly major: number;
  readonly minor: number;
  /** Permission bits; owned by the process's uid and gid. */
  readonly mode: number;
}

export interface SeccompPlan {
  /** Syscalls that are answered until lock-down only; in some forms of their arguments `run` may have them too. */
  readonly start: readonly string[];
  /** Syscalls that are answered for as long as the process lives. */
  readonly run: readonly string[];
  readonly instructions: number;
  readonly sha256: string;
  /** Which compiler made the program: `bulkhead`, `libseccomp` or `libseccomp-tree`; each program was proved beforehand. */
  readonly generator: string;
  /** What the choice was made by, in a sentence. */
  readonly generatorWhy: string;
}

/** Contexts as the kernel prints them. */
export interface SelinuxPlan {
  /** Of every thread of the process. */
  readonly context: string;
  /** Of the image that it is given; null without one. */
  readonly image: string | null;
  /** Of backing files. */
  readonly sharedImage: string;
  /** Of the private /dev and /boot and all that they hold. */
  readonly node: string;
  readonly tap: string;
  readonly log: string;
  readonly monitor: string;
  readonly channel: string;
  /** Of the private root's files, and of the one that is its program. */
  readonly root: string;
  readonly program: string;
}

/** Access bits as landlock(7) names them. */
export interface LandlockPlan {
  readonly abi: number;
  readonly handledFs: readonly string[];
  readonly handledNet: readonly string[];
  readonly scoped: readonly string[];
  readonly rules: readonly { readonly path: string; readonly access: readonly string[] }[];
}

/** rlimits by their lower-case names without RLIMIT_, each set hard = soft; bytes, counts or -1 for unlimited. */
export type LimitsPlan = Readonly<Record<string, number>>;

export interface VmCgroupPlan {
  /** Absolute directory below the v2 mount. */
  readonly path: string;
  /** Controllers that this host lends; a limit without its controller is not set, and the layer says so. */
  readonly controllers: readonly string[];
  readonly files: Readonly<Record<string, string>>;
}

export interface ProcessCgroupPlan {
  readonly path: string;
  /** Content by interface file: {"memory.max": "603979776"}; only those whose controller is there. */
  readonly files: Readonly<Record<string, string>>;
}
