/** The layers of confinement, by the names that VM files, host files, plans and reports use. */
export const LAYERS = [
  "seccomp",
  "namespaces",
  "root",
  "fds",
  "capabilities",
  "securebits",
  "no-new-privs",
  "uid",
  "dumpable",
  "landlock",
  "rlimits",
  "cgroup",
  "core-scheduling",
  "selinux",
] as const;
export type Layer = (typeof LAYERS)[number];

/** What a layer is at, or would be at, on this host. `partial` and `unavailable` always say why. */
export type LayerStatus =
  | { readonly status: "enforced" }
  | { readonly status: "partial"; readonly lacks: readonly string[]; readonly why: string }
  | { readonly status: "unavailable"; readonly why: string };
export type LayerStatuses = Readonly<Record<Layer, LayerStatus>>;
