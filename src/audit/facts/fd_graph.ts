import type { LiveFd } from "../../observe/index.js";
import { describeFd, socketOf } from "./fd_object.js";
import type { ProcessFacts } from "./process_facts.js";

/** A process of a VM, with the manifest by which it was given its fds. */
export interface GraphProcess {
  /** `vmm`, `disk0`, `launcher`. */
  readonly id: string;
  readonly facts: ProcessFacts;
  /** `dev:ino` of what it was given, and to whom the plan gives that object. */
  readonly given: ReadonlyMap<string, DeclaredObject>;
}

/** What a plan says of an object. */
export interface DeclaredObject {
  readonly purpose: string;
  /** Ids of all processes that may hold it, or an end of it. */
  readonly holders: readonly string[];
}

/** One process that holds an object, by one of its fds. */
export interface Hold {
  /** Id of a process of the VM, or `process 4711 (name)` of another. */
  readonly holder: string;
  /** null for a holder outside of the VM. */
  readonly fd: number | null;
  readonly access: LiveFd["access"] | null;
}

/** An object of the kernel with all who hold it; the two ends of a connection are one. */
export interface FdEdge {
  /** `unix-stream`, `memfd`, `tap`. */
  readonly kind: string;
  /** In words; may hold what a process chose. */
  readonly object: string;
  /** What the plan gives it for; null: the plan does not name it. */
  readonly purpose: string | null;
  readonly holds: readonly Hold[];
  /** Holders that the declared topology does not have; empty: it is as declared. */
  readonly undeclared: readonly string[];
}

export interface FdGraph {
  /** Ids of the VM's processes. */
  readonly nodes: readonly string[];
  /** Objects that are shared, or that the plan names. */
  readonly edges: readonly FdEdge[];
}

interface Collected {
  readonly kind: string;
  readonly object: string;
  readonly holds: (Hold & { readonly inode: string })[];
  /** Processes that are not the VM's and hold it, or its other end, by pid. */
  readonly outside: Map<number, string>;
}

/** Each open is its own, or the kernel shows no difference between one and another. */
const COMMON_KINDS: ReadonlySet<string> = new Set([
  "null",
  "zero",
  "urandom",
  "kvm",
  "kvm-vm",
  "kvm-vcpu",
  "epoll",
  "signalfd",
  "timerfd",
  "io-uring",
]);

/** Who holds what, and who should. */
export function makeFdGraph(processes: readonly GraphProcess[], roles: Roles): FdGraph {
  const objects = new Map<string, Collected>();
  const pids = new Set(processes.map(({ facts }) => facts.process.pid));
  for (const process of processes) {
    const { fds } = process.facts.process;
    for (const fd of fds.known ? fds.value.list : []) collect(objects, { process, pids }, fd);
  }
  const declared = declaredObjects(processes);
  const edges = [...objects.values()].flatMap((object) => makeEdge(object, { ...roles, declared }) ?? []);
  return { nodes: processes.map(({ id }) => id), edges };
}

function collect(
  objects: Map<string, Collected>,
  { process: { id, facts }, pids }: { readonly process: GraphProcess; readonly pids: ReadonlySet<number> },
  fd: LiveFd,
): void {
  if (COMMON_KINDS.has(fd.kind)) return;
  const key = keyOf(fd, facts);
  const { kind, object } = describeFd(fd, facts);
  const found = objects.get(key) ?? { kind, object, holds: [], outside: new Map<number, string>() };
  objects.set(key, found);
  found.holds.push({ holder: id, fd: fd.fd, access: fd.access, inode: fd.inode });
  const socket = socketOf(fd, facts);
  const ends = socket === null ? [] : [socket.inode, socket.peerInode ?? socket.inode];
  for (const { pid, command } of ends.flatMap((inode) => facts.holders.byInode.get(inode) ?? [])) {
    if (!pids.has(pid)) found.outside.set(pid, `process ${pid} (${command})`);
  }
}

/** The same for both ends of a connection; of an eventfd its number, for all have one inode. */
function keyOf(fd: LiveFd, facts: ProcessFacts): string {
  const socket = socketOf(fd, facts);
  if (socket?.peerInode != null) return `socket ${[socket.inode, socket.peerInode].sort((a, b) => a - b).join(" ")}`;
  if (fd.eventfdId !== null) return `eventfd ${fd.eventfdId}`;
  // A kernel that does not number them: each stands for itself.
  if (fd.link.startsWith("anon_inode:")) return `${fd.link} ${facts.process.pid} ${fd.fd}`;
  return fd.interface === null ? `${fd.kind} ${fd.inode}` : `tap ${fd.interface}`;
}

/** By `dev:ino`; of an object that several are given, as a backing file, the holders of all. */
function declaredObjects(processes: readonly GraphProcess[]): ReadonlyMap<string, DeclaredObject> {
  const declared = new Map<string, DeclaredObject>();
  for (const { given } of processes) {
    for (const [inode, object] of given) {
      const holders = [...new Set([...(declared.get(inode)?.holders ?? []), ...object.holders])];
      declared.set(inode, { purpose: object.purpose, holders });
    }
  }
  return declared;
}

/** Ids of a VM's processes by what they are in it. */
export interface Roles {
  readonly vmm: string;
  readonly devices: readonly string[];
  /** The launcher, and the process that holds monitors and consoles for when it dies. */
  readonly servants: readonly string[];
}

interface Topology extends Roles {
  readonly declared: ReadonlyMap<string, DeclaredObject>;
}

/** Null for what one process has for itself, and for what only servants have: the commands that they answer, their own output. */
function makeEdge({ kind, object, holds, outside }: Collected, topology: Topology): FdEdge | null {
  const inside = new Set(holds.map(({ holder }) => holder));
  if ([...inside].every((holder) => topology.servants.includes(holder))) return null;
  const others = [...outside.values()];
  const planned = holds.map(({ inode }) => topology.declared.get(inode)).find((found) => found !== undefined);
  if (inside.size + others.length < 2 && planned === undefined) return null;
  const allowed = planned?.holders ?? allowedByKind(kind, inside, topology);
  const undeclared = [...inside, ...others].filter((holder) => !allowed.includes(holder));
  return {
    kind,
    object,
    purpose: planned?.purpose ?? (kind === "memfd" ? "guest memory" : kind === "eventfd" ? "interrupt or doorbell" : null),
    holds: [
      ...holds.map(({ holder, fd, access }) => ({ holder, fd, access })),
      ...others.map((holder) => ({ holder, fd: null, access: null })),
    ],
    undeclared,
  };
}

/** What the VMM makes and hands over its channels: its memory to all devices, an eventfd to one of them. */
function allowedByKind(kind: string, holders: ReadonlySet<string>, { devices, vmm }: Topology): readonly string[] {
  if (!holders.has(vmm)) return [];
  if (kind === "memfd") return [vmm, ...devices];
  const own = devices.filter((id) => holders.has(id));
  return kind === "eventfd" && own.length === 1 ? [vmm, ...own] : [vmm];
}
