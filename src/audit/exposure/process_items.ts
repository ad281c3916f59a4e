import type { LiveThread, NamespaceKind, Reading } from "../../observe/index.js";
import type { ProcessFacts } from "../facts/process_facts.js";

/** One thing that a process may have, whichever of its threads has it. */
export interface ProcessItem {
  /** Part of the documentation: never renamed. */
  readonly item: string;
  readonly weight: number;
  /** The setting of systemd-analyze security that asks the same, whose weight this is; null where it has none. */
  readonly systemd: string | null;
  readonly granted: (facts: ProcessFacts) => number;
}

/** What could not be read counts as granted: it is never taken as fine. */
const unless = <T>(reading: Reading<T>, isFine: (value: T) => boolean): number =>
  reading.known && isFine(reading.value) ? 0 : 1;

const share = (kind: NamespaceKind) => (facts: ProcessFacts) =>
  unless(facts.process.namespaces, (own) => {
    const host = facts.host.reference.namespaces;
    return host.known && own[kind] !== host.value[kind];
  });

const anyThread = (has: (thread: LiveThread) => boolean) => (facts: ProcessFacts) => {
  const { list, unread } = facts.process.threads;
  return unread !== null || list.some(has) ? 1 : 0;
};

/** By bits of include/uapi/linux/capability.h, as systemd's CapabilityBoundingSet= items group them. */
const CAPABILITIES: readonly (readonly [systemd: string, name: string, bits: readonly number[], weight: number])[] = [
  ["CapabilityBoundingSet_CAP_SYS_ADMIN", "CAP_SYS_ADMIN", [21], 1500],
  ["CapabilityBoundingSet_CAP_SET_UID_GID_PCAP", "CAP_SETUID, CAP_SETGID, CAP_SETPCAP", [7, 6, 8], 1500],
  ["CapabilityBoundingSet_CAP_SYS_PTRACE", "CAP_SYS_PTRACE", [19], 1500],
  ["CapabilityBoundingSet_CAP_SYS_TIME", "CAP_SYS_TIME", [25], 1000],
  ["CapabilityBoundingSet_CAP_NET_ADMIN", "CAP_NET_ADMIN", [12], 1000],
  ["CapabilityBoundingSet_CAP_SYS_RAWIO", "CAP_SYS_RAWIO", [17], 1000],
  ["CapabilityBoundingSet_CAP_SYS_MODULE", "CAP_SYS_MODULE", [16], 1000],
  ["CapabilityBoundingSet_CAP_AUDIT", "CAP_AUDIT_*", [29, 30, 37], 500],
  ["CapabilityBoundingSet_CAP_SYSLOG", "CAP_SYSLOG", [34], 500],
  ["CapabilityBoundingSet_CAP_SYS_NICE_RESOURCE", "CAP_SYS_NICE, CAP_SYS_RESOURCE", [23, 24], 500],
  ["CapabilityBoundingSet_CAP_MKNOD", "CAP_MKNOD", [27], 500],
  ["CapabilityBoundingSet_CAP_CHOWN_FSETID_SETFCAP", "CAP_CHOWN, CAP_FSETID, CAP_SETFCAP", [0, 4, 31], 1000],
  ["CapabilityBoundingSet_CAP_DAC_FOWNER_IPC_OWNER", "CAP_DAC_*, CAP_FOWNER, CAP_IPC_OWNER", [1, 2, 3, 15], 1000],
  ["CapabilityBoundingSet_CAP_KILL", "CAP_KILL", [5], 500],
  [
    "CapabilityBoundingSet_CAP_NET_BIND_SERVICE_BROADCAST_RAW)",
    "CAP_NET_BIND_SERVICE, CAP_NET_BROADCAST, CAP_NET_RAW",
    [10, 11, 13],
    500,
  ],
  ["CapabilityBoundingSet_CAP_SYS_BOOT", "CAP_SYS_BOOT", [22], 100],
  ["CapabilityBoundingSet_CAP_MAC", "CAP_MAC_*", [32, 33], 100],
  ["CapabilityBoundingSet_CAP_LINUX_IMMUTABLE", "CAP_LINUX_IMMUTABLE", [9], 75],
  ["CapabilityBoundingSet_CAP_IPC_LOCK", "CAP_IPC_LOCK", [14], 50],
  ["CapabilityBoundingSet_CAP_SYS_CHROOT", "CAP_SYS_CHROOT", [18], 50],
  ["CapabilityBoundingSet_CAP_BLOCK_SUSPEND", "CAP_BLOCK_SUSPEND", [36], 25],
  ["CapabilityBoundingSet_CAP_WAKE_ALARM", "CAP_WAKE_ALARM", [35], 25],
  ["CapabilityBoundingSet_CAP_LEASE", "CAP_LEASE", [28], 25],
  ["CapabilityBoundingSet_CAP_SYS_TTY_CONFIG", "CAP_SYS_TTY_CONFIG", [26], 25],
  ["CapabilityBoundingSet_CAP_BPF", "CAP_BPF", [39], 25],
  ["CapabilityBoundingSet_CAP_SYS_PACCT", "CAP_SYS_PACCT", [20], 25],
];

/** A capability counts in any of the five sets, as an exec may bring it back from the bounding set. */
function hasCapability({ capabilities }: LiveThread, bits: readonly number[]): boolean {
  const any = Object.values(capabilities as unknown as Record<string, string>).reduce(
    (all, set) => all | BigInt(`0x${set || "0"}`),
    0n,
  );
  return bits.some((bit) => ((any >> BigInt(bit)) & 1n) === 1n);
}

/** Everything that is asked of a process besides its filters. Weights without a setting of systemd's are ours. */
export const PROCESS_ITEMS: readonly ProcessItem[] = [
  { item: "the host's network", weight: 2500, systemd: "PrivateNetwork", granted: share("net") },
  {
    item: "uid 0 of the host",
    weight: 2000,
    systemd: "UserOrDynamicUser",
    granted: anyThread(({ uids }) => uids.includes(0)),
  },
  { item: "the host's users", weight: 1000, systemd: "PrivateUsers", granted: share("user") },
  { item: "the host's mounts", weight: 1000, systemd: "PrivateMounts", granted: share("mount") },
  { item: "privileges by exec", weight: 1000, systemd: "NoNewPrivileges", granted: anyThread(({ noNewPrivs }) => !noNewPrivs) },
  ...CAPABILITIES.map(([systemd, name, bits, weight]) => ({
    item: name,
    weight,
    systemd,
    granted: anyThread((thread) => hasCapability(thread, bits)),
  })),
  { item: "the host's processes", weight: 1000, systemd: null, granted: share("pid") },
  { item: "the host's SysV IPC and message queues", weight: 500, systemd: null, granted: share("ipc") },
  { item: "the host's name", weight: 50, systemd: null, granted: share("uts") },
  { item: "the host's cgroup paths", weight: 50, systemd: null, granted: share("cgroup") },
  {
    item: "no SELinux context of its own",
    weight: 1000,
    systemd: null,
    granted: anyThread(
      ({ selinuxContext }) => unless(selinuxContext, (context) => context !== null && !/:unconfined_t(:|$)/.test(context)) === 1,
    ),
  },
  {
    item: "a dumpable process",
    weight: 250,
    systemd: null,
    granted: ({ process }) => unless(process.dumpable, (dumpable) => !dumpable),
  },
];
