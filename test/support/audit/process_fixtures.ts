import type { ProcessFacts } from "../../../src/audit/index.js";
import type { ObservedProcess, ObservedThread } from "../../../src/observe/index.js";
import type { CheckFixtures } from "./fixture.js";

const NO_CAPABILITIES = "0000000000000000";
const HOST_NAMESPACES = {
  user: "user:[1]",
  mount: "mnt:[2]",
  pid: "pid:[3]",
  net: "net:[4]",
  ipc: "ipc:[5]",
  uts: "uts:[6]",
  cgroup: "cgroup:[7]",
};

/** A thread that has nothing to hide. */
export function confinedThread(changes: Partial<ObservedThread> = {}): ObservedThread {
  return {
    tid: 4711,
    uids: [500_000, 500_000, 500_000, 500_000],
    gids: [500_000, 500_000, 500_000, 500_000],
    groups: [],
    umask: "0077",
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
    apart: [],
    selinuxContext: "system_u:system_r:bulkhead_disk_t:s0:c1,c2,c513",
    ...changes,
  };
}

/** A process in namespaces of its own, with /dev/null and nothing else. */
export function confinedProcess(changes: Partial<ObservedProcess> = {}): ProcessFacts {
  const process: ObservedProcess = {
    pid: 4711,
    command: "victim",
    threads: [confinedThread()],
    namespaces: Object.fromEntries(
      Object.entries(HOST_NAMESPACES).map(([kind, name]) => [kind, name.replace("[", "[9")]),
    ) as ObservedProcess["namespaces"],
    fds: [{ fd: 0, link: "/dev/null", kind: "null", access: "rw", inode: "5:4" }],
    mounts: [],
    limits: {},
    cgroup: "/bulkhead/web1/disk0",
    cwd: "/",
    processGroup: 4711,
    session: 4711,
    terminal: 0,
    dumpable: false,
    coreCookie: 1n,
    ...changes,
  };
  return { kind: "process", subject: "process 4711 (victim)", process, hostNamespaces: HOST_NAMESPACES };
}

export const PROCESS_FIXTURES: CheckFixtures = {
  "process-no-new-privs": {
    flagged: () => confinedProcess({ threads: [confinedThread(), confinedThread({ tid: 4712, noNewPrivs: false })] }),
    twin: () => confinedProcess({ threads: [confinedThread(), confinedThread({ tid: 4712 })] }),
  },
};
