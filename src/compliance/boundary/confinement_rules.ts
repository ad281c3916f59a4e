import type { FdPlan, NamespaceName, ProcessPlan } from "../../plan/index.js";

/** What a process may share with its host: no namespace at all. */
const NAMESPACES: readonly NamespaceName[] = ["user", "mount", "pid", "net", "ipc", "uts", "cgroup"];
/** glibc's allocator; everything else that a program reads from its environment is somebody else's. */
const ENVIRONMENT: readonly string[] = ["MALLOC_ARENA_MAX"];
/** Where a Landlock domain may let a process open something: its libraries, its devices, a guest's kernel. */
const OPENABLE = /^\/(usr|dev\/(null|urandom|kvm)|boot)$/;

type Source = FdPlan["source"]["from"];
/** Fds of every process, and how many of each; a VMM has a channel to each device. */
const COMMON: Readonly<Partial<Record<Source, number>>> = { null: 1, log: 2, monitor: 1, channel: 1 };
/** A backend belongs to one role. */
const OF_ROLE: Readonly<Record<string, readonly Source[]>> = {
  disk: ["image", "backing", "data"],
  net: ["tap"],
  serial: ["serial"],
  vmm: ["serial", "channel"],
  "vmm-hot-plug": ["serial", "channel"],
};

/**
 * In what a planned process is confined less than every process of its role must be, a sentence each; written apart from what makes plans.
 * That the process is what its plan says the launch has verified from the kernel.
 */
export function findLooseConfinement(plan: ProcessPlan): string[] {
  const { namespaces, capabilities, uid, gid, env, root, nodes, landlock, noNewPrivs } = plan;
  return [
    ...NAMESPACES.filter((name) => !namespaces.includes(name)).map((name) => `it shares the ${name} namespace of the host`),
    ...capabilities.map((name) => `it has the capability ${name}`),
    ...(noNewPrivs ? [] : ["it may gain privileges by exec"]),
    ...(uid === 0 || gid === 0 ? ["it runs as root"] : []),
    ...Object.keys(env)
      .filter((name) => !ENVIRONMENT.includes(name))
      .map((name) => `${name} is in its environment`),
    ...findFds(plan),
    ...root.filter(({ access }) => access !== "ro").map(({ target }) => `it may write to ${target} of its root`),
    ...nodes
      .filter(({ name }) => !["null", "zero", "urandom", "kvm"].includes(name))
      .map(({ name }) => `it has the node ${name}`),
    ...(landlock?.rules ?? []).filter(({ path }) => !isOpenable(plan, path)).map(({ path }) => `Landlock lets it open ${path}`),
  ];
}

function findFds({ role, fds }: ProcessPlan): string[] {
  const own = OF_ROLE[role] ?? [];
  const sources = [...new Set(fds.map(({ source }) => source.from))];
  return sources.flatMap((from) => {
    const count = fds.filter(({ source }) => source.from === from).length;
    if (own.includes(from)) return [];
    const most = COMMON[from] ?? 0;
    return count > most ? [`it holds ${count} fds from ${from}, and ${most === 0 ? "no" : most} such belong to its role`] : [];
  });
}

/** A program that is not in /usr, as one of the user's, is named by its path. */
function isOpenable({ argv }: ProcessPlan, path: string): boolean {
  return OPENABLE.test(path) || path === argv[0];
}
