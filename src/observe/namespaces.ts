/** Namespaces by the names of /proc/PID/ns, without the `_for_children` ones. */
export const NAMESPACE_FILES = {
  user: "user",
  mount: "mnt",
  pid: "pid",
  net: "net",
  ipc: "ipc",
  uts: "uts",
  cgroup: "cgroup",
} as const;
export type NamespaceKind = keyof typeof NAMESPACE_FILES;
