import type { ChildStep, NativeCallGate, SpawnRequest } from "../../kernel/index.js";
import type { LaunchRequest } from "../../machine/index.js";
import type { Layer } from "../../spec/index.js";

type AlterSpawn = NonNullable<LaunchRequest["alterSpawn"]>;
type Alter = (request: SpawnRequest) => SpawnRequest;

/** CLONE_NEWPID and CLONE_NEWIPC: include/uapi/linux/sched.h. */
const CLONE_NEWPID = 0x2000_0000n;
const CLONE_NEWIPC = 0x0800_0000n;

function without(...steps: ChildStep[]): Alter {
  return (request) => ({ ...request, operations: request.operations.filter(({ step }) => !steps.includes(step)) });
}

/**
 * What a launch leaves out to take one layer away. A layer that is not here cannot be taken away alone: without a private root a
 * process would stand in the host's files, and no_new_privs is what the filter and the Landlock domain rest upon.
 */
const ALTERATIONS: Readonly<Partial<Record<Layer, Alter>>> = {
  seccomp: (request) => {
    blind(request);
    return without("seccomp-filter", "listener-taken", "close-listener")(request);
  },
  landlock: without("landlock", "expect-open"),
  // The user and mount namespaces stay: they hold the private root, and its mounts must not reach the host.
  // What is set of memory files is the namespace's of process ids, and would be the host's.
  namespaces: (request) => ({
    ...without("cgroup-namespace", "memfd-noexec")(request),
    namespaces: request.namespaces & ~CLONE_NEWPID & ~CLONE_NEWIPC,
    networkSocket: -1,
  }),
  capabilities: without("drop-bounding-set", "drop-capabilities"),
  uid: without("group-id", "user-id"),
  rlimits: without("resource-limit"),
  cgroup: (request) => ({ ...request, cgroupFd: -1 }),
  selinux: without("exec-context"),
};

/** Layers that a test-only launch can take away one by one. */
export const REMOVABLE_LAYERS = Object.keys(ALTERATIONS) as readonly Layer[];

/** Layers in which a process then differs as well: a program that its own uid may read can be dumped, nodes are of the planned uid. */
const FOLLOWING: Readonly<Partial<Record<Layer, readonly Layer[]>>> = { uid: ["dumpable", "root"] };

/** What a verification may find where these layers were taken away. */
export function expectedDifferences(off: readonly Layer[]): readonly Layer[] {
  return off.flatMap((layer) => [layer, ...(FOLLOWING[layer] ?? [])]);
}

/** Starts processes without these layers. For the suite's own launches: no command starts a VM so. */
export function withoutLayers(off: readonly Layer[]): AlterSpawn {
  return (_, request) =>
    off.reduce((altered, layer) => {
      const alter = ALTERATIONS[layer];
      if (alter === undefined) throw new Error(`layer ${layer} cannot be taken away alone`);
      return alter(altered);
    }, request);
}

/** The gate of a process without a filter has nothing to answer, and says that it has locked down. */
function blind({ gate }: SpawnRequest): void {
  const answers: Partial<NativeCallGate> = { lock: () => {}, phase: () => "attach" };
  for (const [name, value] of Object.entries(answers)) Object.defineProperty(gate, name, { value });
}
