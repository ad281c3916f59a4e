import type { HostFacts, ProgramInventory } from "../host/index.js";
import type { ResolvedPolicy } from "../policy/index.js";
import type { ProcessLabels } from "../selinux/index.js";
import type { HostConfig, VmSpec } from "../spec/index.js";

/** Everything a plan is computed from. The same inputs give the same plan. */
export interface PlanInputs {
  readonly spec: VmSpec;
  readonly hostConfig: HostConfig;
  readonly facts: HostFacts;
  /** By roleKey(); `vmm` included, and `image-judge` when an image is qcow2. */
  readonly roles: ReadonlyMap<string, RoleInputs>;
  /** By process id; drawn and reserved beforehand. */
  readonly identities: ReadonlyMap<string, Identity>;
  /** By imageKey(), what each image and backing file turned out to be. */
  readonly images: ReadonlyMap<string, ImageFacts>;
  /** Absolute paths of the files of a direct boot, for reports; null without one. */
  readonly bootFiles: { readonly kernel: string; readonly initrd: string | null } | null;
  readonly launcher: LauncherInputs;
  /** Directory of the private roots. */
  readonly rootsDirectory: string;
}

/** What the plan of one process is computed from. */
export type DevicePlanInputs = Omit<PlanInputs, "launcher">;

export interface RoleInputs {
  readonly policy: ResolvedPolicy;
  readonly inventory: ProgramInventory;
  readonly filter: FilterFacts;
}

/** What the launcher's own confinement is computed from. */
export interface LauncherInputs {
  readonly policy: ResolvedPolicy;
  readonly filter: FilterFacts;
  /** The SELinux context that it narrows itself to; null where it has none to go to. */
  readonly supervisor: string | null;
  /** Absolute paths of directories: state, event log, caches, and the package itself, whose modules Node may still load. */
  readonly places: Readonly<Record<"run" | "log" | "lib" | "cache" | "installation", string>>;
}

export interface FilterFacts {
  readonly instructions: number;
  readonly sha256: string;
  /** Which compiler made the program that is loaded, and why that one. */
  readonly generator: string;
  readonly generatorWhy: string;
}

export interface Identity {
  readonly uid: number;
  readonly gid: number;
  /** null on a host that does not enforce SELinux with our module. */
  readonly labels: ProcessLabels | null;
}

export interface ImageFacts {
  readonly kind: "file" | "block";
  /** Of a regular file when it was opened; 0 for a block device. */
  readonly sizeBytes: number;
  /** Absolute path for reports; nothing is opened by it. */
  readonly path: string;
  /** `MAJOR:MINOR` of the block device that I/O limits apply to; null where the file system names none. */
  readonly blockDevice: string | null;
}
