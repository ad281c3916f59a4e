import type { RulePosition, SeccompPolicy } from "../seccomp/index.js";

/** A role policy with its includes applied: everything that a process of this role may hold. */
export interface ResolvedPolicy {
  readonly role: string;
  readonly summary: string;
  /** All files that took part, relative to the policy folder, the role's own first. */
  readonly sources: readonly string[];
  /** SHA-256 of the resolved content without positions, hex; names cached artefacts. */
  readonly sha256: string;
  /** QEMU device models that belong to this role; empty for `vmm`. */
  readonly models: readonly string[];
  readonly seccomp: SeccompPolicy;
  /** What a start call gets after lock-down: EPERM, or the end of the process. Reported either way. */
  readonly afterLockDown: AfterLockDown;
  /**
   * Files of the private root beside the program and its libraries: absolute inside the installation, `*` in the last component.
   * An optional one is granted where the installation has it; the program does without it where it has not.
   */
  readonly files: readonly Grant<{ readonly path: string; readonly optional: boolean }>[];
  /** Nodes of the private /dev. */
  readonly nodes: readonly Grant<{ readonly name: NodeName; readonly access: NodeAccess }>[];
  /** Fds that the program makes itself, by kind, and how many at most. */
  readonly selfMade: readonly Grant<{ readonly kind: SelfMadeKind; readonly max: number }>[];
  /** Opens after lock-down that the launcher answers with an fd, while it attaches the backend. */
  readonly attach: readonly Grant<{ readonly path: string; readonly access: NodeAccess }>[];
  /**
   * Opens after lock-down that are answered ENOENT and are no sign of an intrusion: libraries look for these files of their own
   * accord. A component `*` stands for any one name.
   */
  readonly absent: readonly Grant<{ readonly path: string }>[];
  readonly limits: RoleLimits;
}

export const AFTER_LOCK_DOWN = ["refuse", "kill"] as const;
export type AfterLockDown = (typeof AFTER_LOCK_DOWN)[number];

export type Grant<T> = T & { readonly why: string; readonly position: RulePosition };

export const NODE_NAMES = ["null", "zero", "urandom", "kvm"] as const;
export type NodeName = (typeof NODE_NAMES)[number];
export const NODE_ACCESSES = ["r", "w", "rw"] as const;
export type NodeAccess = (typeof NODE_ACCESSES)[number];
export const SELF_MADE_KINDS = [
  "eventfd",
  "signalfd",
  "epoll",
  "timerfd",
  "memfd",
  "guest-memory",
  "io-uring",
  "kvm",
  "kvm-vm",
  "kvm-vcpu",
  "kvm-device",
  "unix-stream",
  "pipe",
] as const;
export type SelfMadeKind = (typeof SELF_MADE_KINDS)[number];

/** Per-process limits of a role. Each is set hard = soft. */
export interface RoleLimits {
  /** RLIMIT_NOFILE: highest fd number plus one. */
  readonly openFilesMax: number;
  /** Threads of the process: pids.max of its cgroup and RLIMIT_NPROC of its uid. */
  readonly threadsMax: number;
  /** Memory beside guest RAM, in bytes; memory.max counts guest RAM on top. */
  readonly overheadBytes: number;
  /** RLIMIT_MEMLOCK in bytes. */
  readonly lockedBytesMax: number;
}
