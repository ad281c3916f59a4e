/** A call that took the place of an older one in a library. */
export interface NewerCall {
  readonly newer: string;
  readonly older: string;
  /** Who tries the newer first, and since when. */
  readonly library: string;
  /** Whether it takes the older one when the kernel says ENOSYS; the others do without. */
  readonly fallsBack: boolean;
}

/** From glibc's NEWS of the releases named. */
export const NEWER_CALLS: readonly NewerCall[] = [
  { newer: "clone3", older: "clone", library: "glibc since 2.34", fallsBack: true },
  { newer: "faccessat2", older: "faccessat", library: "glibc since 2.33", fallsBack: true },
  { newer: "fchmodat2", older: "fchmodat", library: "glibc since 2.39", fallsBack: true },
  { newer: "rseq", older: "set_robust_list", library: "glibc since 2.35", fallsBack: false },
];
