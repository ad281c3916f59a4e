import type { ProcessFacts } from "../../../src/audit/index.js";
import type { LiveFd, LiveHost, LiveProcess, LiveSocket, LiveThread } from "../../../src/observe/index.js";
import { known, type Reading, unknown } from "../../../src/observe/index.js";
import type { CheckFixtures } from "./fixture.js";

const NO_CAPABILITIES = "0000000000000000";
const CAP_SYS_ADMIN = "0000000000200000";
export const HOST_NAMESPACES = {
  user: "user:[1]",
  mount: "mnt:[2]",
  pid: "pid:[3]",
  net: "net:[4]",
  ipc: "ipc:[5]",
  uts: "uts:[6]",
  cgroup: "cgroup:[7]",
};
export const OWN_NAMESPACES = Object.fromEntries(
  Object.entries(HOST_NAMESPACES).map(([kind, name]) => [kind, name.replace("[", "[9")]),
) as typeof HOST_NAMESPACES;

export const CONFINED_PID = 4711;

export const HOST: LiveHost = {
  reference: { owner: "process 1 (init)", namespaces: known(HOST_NAMESPACES) },
  securityModules: known(["capability", "selinux"]),
  ptraceScope: known(null),
};

/** A thread that has nothing to hide. */
export function confinedThread(changes: Partial<LiveThread> = {}): LiveThread {
  return {
    tid: CONFINED_PID,
    name: "victim",
    uids: [500_000, 500_000, 500_000, 500_000],
    gids: [500_000, 500_000, 500_000, 500_000],
    groups: [],
    umask: "0077",
    tracer: 0,
    noNewPrivs: true,
    seccompMode: 2,
    seccompFilters: 1,
    capabilities: {
      inheritable: NO_CAPABILITIES,
      permitted: NO_CAPABILITIES,
      effective: NO_CAPABILITIES,
      bounding: NO_CAPABILITIES,
      ambient: NO_CAPABILITIES,
    },
    apart: known([]),
    selinuxContext: known("system_u:system_r:bulkhead_disk_t:s0:c1,c2,c513"),
    ...changes,
  };
}

export function openFd(changes: Partial<LiveFd> = {}): LiveFd {
  return {
    fd: 0,
    link: "/dev/null",
    kind: "null",
    access: "rw",
    inode: "5:4",
    interface: null,
    eventfdId: null,
    links: 1,
    mode: 0o20666,
    uid: 0,
    label: known(null),
    ...changes,
  };
}

const openSocket = (changes: Partial<LiveSocket> = {}): LiveSocket => {
  return { inode: 77, protocol: "unix-stream", state: "connected", local: "", remote: "", peerInode: 78, ...changes };
};

const PROGRAM = { path: "/usr/bin/victim", deleted: false, memfd: false, uid: 0, mode: 0o755, inode: "8:1" };
const LIMIT = known({ limit: "1", file: "/bulkhead/web1/disk0/memory.max" });
const filtersOf = (...sha256: readonly string[]) =>
  known(sha256.map((hash, index) => ({ tid: CONFINED_PID + index, filters: [{ sha256: hash, bytes: Buffer.alloc(0) }] })));

/** A process in namespaces of its own, with /dev/null and nothing else. `sockets`: what its network namespace lists. */
export function confinedProcess(changes: Partial<LiveProcess> = {}, host: Partial<LiveHost> = {}): ProcessFacts {
  const process: LiveProcess = {
    pid: CONFINED_PID,
    parent: 1,
    command: "victim",
    state: "S",
    isKernelThread: false,
    terminal: 0,
    commandLine: known({ arguments: ["victim"], whole: true }),
    program: known(PROGRAM),
    threads: { list: [confinedThread()], unread: null },
    filters: filtersOf("a"),
    namespaces: known(OWN_NAMESPACES),
    rootIsRoot: known(false),
    fds: known({ list: [openFd()], unread: null }),
    sockets: known(new Map()),
    mounts: known([]),
    limits: known({}),
    cgroups: known({ groups: [], limits: { memory: LIMIT, pids: LIMIT, cpu: LIMIT } }),
    memory: known({ writableAndExecutable: [], executableDeleted: [], writableAlias: [] }),
    environment: known({ names: ["PATH"], withPassword: [] }),
    dumpable: known(false),
    label: known("system_u:system_r:bulkhead_disk_t:s0:c1,c2,c513"),
    ...changes,
  };
  const sockets = process.sockets.known ? process.sockets.value : new Map<number, LiveSocket>();
  return {
    kind: "process",
    subject: `process ${CONFINED_PID} (victim)`,
    process,
    host: { ...HOST, ...host },
    findSocket: (inode) => sockets.get(inode) ?? null,
    holders: { byInode: new Map(), unread: null },
  };
}

/** For a change of a process: these threads and no others. */
export const threadsOf = (...list: readonly LiveThread[]): Pick<LiveProcess, "threads"> => ({ threads: { list, unread: null } });

const threads = (...changes: readonly Partial<LiveThread>[]): Pick<LiveProcess, "threads"> => {
  return {
    threads: { list: changes.map((change, index) => confinedThread({ tid: CONFINED_PID + index, ...change })), unread: null },
  };
};
const fds = (...list: readonly LiveFd[]): Pick<LiveProcess, "fds"> => ({ fds: known({ list, unread: null }) });
const withSocket = (socket: LiveSocket): Partial<LiveProcess> => {
  return {
    ...fds(openFd({ fd: 5, kind: "socket", link: `socket:[${socket.inode}]` })),
    sockets: known(new Map([[socket.inode, socket]])),
  };
};
const capabilities = (permitted: string): LiveThread["capabilities"] => ({ ...confinedThread().capabilities, permitted });
const MAPPING = { range: "7f00-7fff", access: "r-xp", file: "" };
const memory = (change: object): Partial<LiveProcess> => {
  return { memory: known({ writableAndExecutable: [], executableDeleted: [], writableAlias: [], ...change }) };
};
const flaggedBy = (change: Partial<LiveProcess>, twin: Partial<LiveProcess> = {}) => {
  return { flagged: () => confinedProcess(change), twin: () => confinedProcess(twin) };
};
const READ_NOTHING: Reading<never> = unknown("open: EACCES");

export const PROCESS_FIXTURES: CheckFixtures = {
  "process-no-new-privs": flaggedBy(threads({}, { noNewPrivs: false }), threads({}, {})),
  "process-no-filter": flaggedBy(threads({}, { seccompMode: 0, seccompFilters: 0 }), threads({}, {})),
  "process-uneven-filters": flaggedBy(
    { ...threads({}, {}), filters: filtersOf("a", "b") },
    { ...threads({}, {}), filters: filtersOf("a", "a") },
  ),
  "process-capabilities": flaggedBy(threads({}, { capabilities: capabilities(CAP_SYS_ADMIN) }), threads({}, {})),
  "process-shared-namespaces": flaggedBy({ namespaces: known({ ...OWN_NAMESPACES, net: HOST_NAMESPACES.net }) }),
  "process-root-user": flaggedBy(threads({}, { uids: [500_000, 500_000, 0, 500_000] }), threads({}, {})),
  "process-extra-groups": flaggedBy(threads({ groups: [6] }), threads({ groups: [] })),
  "process-thread-apart": flaggedBy(threads({}, { apart: known(["fds"]) }), threads({}, { apart: known([]) })),
  "process-unlabelled": flaggedBy({ label: known("system_u:system_r:unconfined_t:s0") }),
  "process-resource-limits": flaggedBy({
    cgroups: known({ groups: [], limits: { memory: known(null), pids: LIMIT, cpu: LIMIT } }),
  }),
  "process-writable-code": flaggedBy(memory({ writableAndExecutable: [{ ...MAPPING, access: "rwxp" }] })),
  "process-unexpected-program": flaggedBy({ program: known({ ...PROGRAM, mode: 0o777 }) }, memory({ executableDeleted: [] })),
  "process-environment-secrets": flaggedBy(
    { environment: known({ names: ["PATH", "DB_PASSWORD"], withPassword: [] }) },
    { environment: known({ names: ["PATH", "COMPASS"], withPassword: [] }) },
  ),
  "process-dumpable": {
    flagged: () => confinedProcess({ dumpable: known(true) }, { ptraceScope: known(0) }),
    twin: () => confinedProcess({ dumpable: known(true) }, { ptraceScope: known(1) }),
  },
  "process-traced": flaggedBy(threads({}, { tracer: 12 }), threads({}, {})),
  "process-terminal": flaggedBy({ terminal: 0x8801 }),
  "process-directory-fd": flaggedBy(
    fds(openFd({ fd: 9, kind: "directory", link: "/" })),
    fds(openFd({ fd: 9, kind: "file", link: "/disk.img" })),
  ),
  "process-device-fd": flaggedBy(
    fds(openFd({ fd: 9, kind: "block", link: "/dev/sda" })),
    fds(openFd({ fd: 9, kind: "file", link: "/disk.img" })),
  ),
  "process-network-socket": flaggedBy(
    withSocket(openSocket({ protocol: "tcp", state: "listening", local: "0.0.0.0:80", peerInode: null })),
    withSocket(openSocket()),
  ),
  "process-reachable-sockets": flaggedBy(
    { sockets: known(new Map([[90, openSocket({ inode: 90, state: "listening", local: "@bus", peerInode: null })]])) },
    withSocket(openSocket({ state: "listening", local: "@own", peerInode: null })),
  ),
};

/** A process of which nothing can be read but that it is there: every check of processes must say so. */
export function closedProcess(): ProcessFacts {
  return confinedProcess(
    {
      threads: { list: [], unread: "opendir: EACCES" },
      program: READ_NOTHING,
      filters: READ_NOTHING,
      namespaces: READ_NOTHING,
      fds: READ_NOTHING,
      sockets: READ_NOTHING,
      cgroups: READ_NOTHING,
      memory: READ_NOTHING,
      environment: READ_NOTHING,
      dumpable: READ_NOTHING,
      label: READ_NOTHING,
    },
    { ptraceScope: READ_NOTHING },
  );
}
