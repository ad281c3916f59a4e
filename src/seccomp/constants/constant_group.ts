/** Which arguments a constant may stand for: the families that syscall_signatures.ts names. */
export type ConstantFamily =
  | "af"
  | "arch_prctl"
  | "at"
  | "clock"
  | "clone"
  | "epoll"
  | "eventfd"
  | "falloc"
  | "fcntl"
  | "futex"
  | "ioctl"
  | "ipproto"
  | "madvise"
  | "map"
  | "memfd"
  | "mremap"
  | "msg"
  | "open"
  | "prctl"
  | "prot"
  | "rlimit"
  | "seccomp"
  | "seek"
  | "sigmask"
  | "signal"
  | "signalfd"
  | "sock"
  | "socket"
  | "timerfd";

/** Constants of one header and one family, as `NAME=VALUE` words; a test compiles the headers and compares. */
export interface ConstantGroup {
  readonly family: ConstantFamily;
  /** The header that defines them, as C includes it. */
  readonly header: string;
  readonly values: string;
}

/** A named value of the kernel's interface on x86-64. Negative only where the header says so. */
export interface Constant {
  readonly name: string;
  readonly value: bigint;
  readonly family: ConstantFamily;
  readonly header: string;
}
