import type { Layer } from "./layer.js";
import type { SpecSource } from "./vm_spec.js";

/** The host file after validation: what the administrator permits any VM on this host. */
export interface HostConfig {
  /** The floor: layers that every VM must have fully enforced. */
  readonly require: readonly Layer[];
  /** Directories that images, kernels and logs must lie beneath; null: the directory of the VM file. */
  readonly imageRoots: readonly string[] | null;
  /** Shell-style patterns (`*` and `?`) of tap interfaces that VMs may use. */
  readonly taps: readonly string[];
  readonly uids: InclusiveRange;
  readonly categories: InclusiveRange;
  readonly limits: { readonly memoryPerVmBytes: number; readonly processesPerVm: number };
  readonly qemu: QemuInstallation;
  /** Whether a VM may have slots for devices that are added while it runs: its VMM emulates a bridge for each. */
  readonly hotPlug: boolean;
  /** Programs that may emulate devices in QEMU's place. */
  readonly programs: readonly DeviceProgram[];
  /** null when no host file exists and the built-in default is used. */
  readonly source: SpecSource | null;
}

/** Which of the QEMU installations of this host its VMs run. */
export interface QemuInstallation {
  /** Absolute path of the program inside `sysroot`. */
  readonly program: string;
  /** Directory that the program, its libraries and its data are installed beneath; "/" for the host's own. */
  readonly sysroot: string;
}

/** A program that speaks the proxy/remote protocol, and all that its process is given of the host. Paths are absolute. */
export interface DeviceProgram {
  readonly file: string;
  /** The roles that it may have; each was written for such a program. */
  readonly roles: readonly string[];
  /** The program that runs `file`, and its own arguments; null: `file` is a program itself. */
  readonly interpreter: readonly string[] | null;
  /** Further files of its private root. */
  readonly files: readonly string[];
}

/** Debian's package qemu-system-x86. */
export const DEFAULT_QEMU: QemuInstallation = { program: "/usr/bin/qemu-system-x86_64", sysroot: "/" };

export interface InclusiveRange {
  readonly first: number;
  readonly last: number;
}
