import { resolve } from "node:path";
import type { HostFacts, ProgramInventory } from "../../src/host/index.js";
import { type Identity, type ImageFacts, imageFiles, type PlanInputs, type RoleInputs } from "../../src/plan/index.js";
import type { ResolvedPolicy } from "../../src/policy/index.js";
import type { SyscallRule } from "../../src/seccomp/index.js";
import { labelProcess } from "../../src/selinux/index.js";
import { builtInHostConfig, VMM_ID, type VmSpec } from "../../src/spec/index.js";

/** Inputs of planLaunch that stand still: goldens show what planning does, not how a policy or this machine changed. */

/** A host that can give every layer but SELinux. */
export const FULL_HOST: HostFacts = {
  kernelRelease: "6.18.0",
  memoryBytes: 256 * 1024 ** 3,
  cpus: 64,
  securityModules: ["capability", "landlock", "yama"],
  landlockAbi: 7,
  kvm: { available: true },
  cgroup: { kind: "v2", mount: "/sys/fs/cgroup", controllers: ["cpu", "io", "memory", "pids"], why: null },
  coreScheduling: { available: true },
  selinux: { available: false, why: "the kernel runs without SELinux (active security modules: capability, landlock, yama)" },
};

const MIB = 1024 ** 2;
const POSITION = { file: "roles/fixture.yaml", line: 1, column: 1 };

function allow(syscall: string): SyscallRule {
  return { syscall, checks: [], action: { kind: "allow" }, why: "fixture", position: POSITION };
}

function grant<T>(value: T): T & Pick<SyscallRule, "why" | "position"> {
  return { ...value, why: "fixture", position: POSITION };
}

function policyOf(role: string, parts: Pick<ResolvedPolicy, "models" | "nodes" | "limits">): ResolvedPolicy {
  return {
    role,
    summary: `fixture of ${role}`,
    sources: [`roles/${role}.yaml`],
    sha256: "0".repeat(64),
    afterLockDown: "kill",
    seccomp: {
      // In no order, and openat in both sets: a plan sorts, and counts what runs for ever as run only.
      start: [allow("mprotect"), allow("execve"), allow("openat"), allow("mprotect")],
      run: [allow("write"), allow("read"), allow("openat")],
      otherwise: { kind: "kill-process" },
    },
    files: [],
    selfMade: [grant({ kind: "eventfd", max: 16 }), grant({ kind: "signalfd", max: 1 })],
    attach: [],
    absent: [],
    ...parts,
  };
}

const LEAST_LIMITS = { openFilesMax: 64, threadsMax: 7, overheadBytes: 128 * MIB, lockedBytesMax: 0 };

type FixtureRole = "disk" | "net" | "vmm" | "serial" | "usb" | "audio" | "watchdog" | "image-judge";

/** Limits of the first three differ in every figure, so that a plan which mixes them up shows. */
export const POLICIES: Readonly<Record<FixtureRole, ResolvedPolicy>> = {
  disk: policyOf("disk", {
    models: ["lsi53c895a"],
    nodes: [],
    limits: { openFilesMax: 256, threadsMax: 80, overheadBytes: 256 * MIB, lockedBytesMax: 0 },
  }),
  net: policyOf("net", {
    models: ["e1000"],
    nodes: [grant({ name: "urandom", access: "r" } as const)],
    limits: { openFilesMax: 128, threadsMax: 8, overheadBytes: 192 * MIB, lockedBytesMax: 4096 },
  }),
  vmm: policyOf("vmm", {
    models: [],
    nodes: [grant({ name: "kvm", access: "rw" } as const), grant({ name: "null", access: "w" } as const)],
    limits: { openFilesMax: 1024, threadsMax: 288, overheadBytes: 512 * MIB, lockedBytesMax: 8192 },
  }),
  serial: policyOf("serial", { models: ["pci-serial"], nodes: [], limits: LEAST_LIMITS }),
  usb: policyOf("usb", { models: ["qemu-xhci"], nodes: [], limits: LEAST_LIMITS }),
  audio: policyOf("audio", { models: ["AC97"], nodes: [], limits: LEAST_LIMITS }),
  watchdog: policyOf("watchdog", { models: ["i6300esb"], nodes: [], limits: LEAST_LIMITS }),
  "image-judge": policyOf("image-judge", {
    models: [],
    nodes: [],
    limits: { openFilesMax: 32, threadsMax: 1, overheadBytes: 16 * MIB, lockedBytesMax: 0 },
  }),
};

export const INVENTORY: ProgramInventory = {
  program: "/usr/bin/qemu-system-x86_64",
  sysroot: "/",
  version: "QEMU emulator version 7.2.22",
  files: [
    fileOf("/lib64/ld-linux-x86-64.so.2", 0o555),
    fileOf("/usr/bin/qemu-system-x86_64", 0o111),
    fileOf("/usr/share/seabios/bios-256k.bin", 0o444),
  ],
  links: [{ target: "/lib64", to: "usr/lib64" }],
  sha256: "1".repeat(64),
};

function fileOf(target: string, mode: number): ProgramInventory["files"][number] {
  const source = target.replace("/lib64/", "/usr/lib64/");
  return { target, source, mode, sizeBytes: 4096, sha256: "2".repeat(64), signature: "1:2:4096:3:4" };
}

const FILTER = { instructions: 42, sha256: "3".repeat(64), generator: "bulkhead", generatorWhy: "it costs least" };
const LAUNCHER_POLICY = policyOf("launcher", { models: [], nodes: [], limits: POLICIES.vmm.limits });
const PLACES = {
  run: "/run/bulkhead",
  log: "/var/log/bulkhead",
  lib: "/var/lib/bulkhead",
  cache: "/var/cache/bulkhead",
  installation: "/usr/lib/bulkhead/",
};
const FIRST_UID = 500_001;
const FIRST_CATEGORY = 600;
const HOST_CONFIG = builtInHostConfig();

/** Everything that a plan of this VM is made from: uids from 500001 up, devices first. */
export function planInputs(spec: VmSpec, facts: Partial<HostFacts> = {}): PlanInputs {
  const ids = [...spec.devices.map((device) => device.id), VMM_ID];
  const roles = Object.values(POLICIES).map((policy): [string, RoleInputs] => {
    return [policy.role, { policy, inventory: INVENTORY, filter: FILTER }];
  });
  return {
    spec,
    hostConfig: HOST_CONFIG,
    facts: { ...FULL_HOST, ...facts },
    roles: new Map(roles),
    identities: new Map(ids.map((id, index) => [id, identityOf(spec, { ...FULL_HOST, ...facts }, { id, index })])),
    images: new Map(spec.devices.flatMap((device) => imageOf(device, spec.source.directory))),
    bootFiles: bootFilesOf(spec),
    launcher: { policy: LAUNCHER_POLICY, filter: FILTER, supervisor: null, places: PLACES },
    rootsDirectory: "/var/cache/bulkhead/roots",
  };
}

/** Labels at the pair c3,c9 and a category from c600 up, where the host has SELinux. */
function identityOf(spec: VmSpec, { selinux }: HostFacts, { id, index }: { id: string; index: number }): Identity {
  const uid = FIRST_UID + index;
  if (!selinux.available) return { uid, gid: uid, labels: null };
  const role = spec.devices.find((device) => device.id === id)?.role ?? VMM_ID;
  const place = { pair: [3, 9], category: FIRST_CATEGORY + index, role, isVmm: id === VMM_ID } as const;
  return { uid, gid: uid, labels: labelProcess({ launcher: selinux.launcher, ...place }) };
}

const IMAGE_BYTES = 8 * 1024 * 1024;

/** Names beneath /dev are block devices here; all others are regular files on the disk 8:0. */
function imageOf(device: VmSpec["devices"][number], directory: string): [string, ImageFacts][] {
  return imageFiles(device).map(({ key, file }) => {
    const path = resolve(directory, file);
    const isBlock = path.startsWith("/dev/");
    const place = { path, blockDevice: isBlock ? "253:7" : "8:0" };
    return [key, isBlock ? { kind: "block", sizeBytes: 0, ...place } : { kind: "file", sizeBytes: IMAGE_BYTES, ...place }];
  });
}

function bootFilesOf({ boot, source }: VmSpec): PlanInputs["bootFiles"] {
  if (boot?.kind !== "kernel") return null;
  const { file, initrd } = boot;
  return { kernel: resolve(source.directory, file), initrd: initrd === null ? null : resolve(source.directory, initrd) };
}
