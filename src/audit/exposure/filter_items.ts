import { type FilterAnalysis, SYSCALL_NUMBERS } from "../../seccomp/index.js";

/** One thing that a filter may grant. */
export interface FilterItem {
  /** Part of the documentation: never renamed. */
  readonly item: string;
  readonly weight: number;
  /** The setting of systemd-analyze security that asks the same, whose weight this is; null where it has none. */
  readonly systemd: string | null;
  readonly granted: (filter: FilterAnalysis) => number;
}

const CLOCK = ["adjtimex", "clock_adjtime", "clock_settime", "settimeofday"];
const MODULE = ["delete_module", "finit_module", "init_module"];
const RAW_IO = ["ioperm", "iopl"];
const REBOOT = ["kexec_file_load", "kexec_load", "reboot"];
const SWAP = ["swapoff", "swapon"];
const CHOWN = ["chown", "fchown", "fchownat", "lchown"];

/** The x86-64 members of the sets of systemd.exec(5), as `systemd-analyze syscall-filter` of systemd 252 lists them. */
const SETS = {
  clock: CLOCK,
  "cpu-emulation": ["modify_ldt"],
  debug: ["lookup_dcookie", "perf_event_open", "pidfd_getfd", "ptrace"],
  module: MODULE,
  mount: [
    ...["chroot", "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount", "open_tree"],
    ...["pivot_root", "umount2"],
  ],
  obsolete: [
    ...["_sysctl", "afs_syscall", "create_module", "get_kernel_syms", "getpmsg", "putpmsg", "query_module", "security"],
    ...["sysfs", "tuxcall", "uselib", "ustat", "vserver"],
  ],
  privileged: [
    ...[...CHOWN, ...CLOCK, ...MODULE, ...RAW_IO, ...REBOOT, ...SWAP, "_sysctl", "acct", "bpf", "capset", "chroot"],
    ...["fanotify_init", "fanotify_mark", "nfsservctl", "open_by_handle_at", "pivot_root", "quotactl", "quotactl_fd"],
    ...["setdomainname", "setfsuid", "setgroups", "sethostname", "setresuid", "setreuid", "setuid", "vhangup"],
  ],
  "raw-io": RAW_IO,
  reboot: REBOOT,
  resources: [
    ...["ioprio_set", "mbind", "migrate_pages", "move_pages", "sched_setaffinity", "sched_setattr", "sched_setparam"],
    ...["sched_setscheduler", "set_mempolicy", "set_mempolicy_home_node", "setpriority", "setrlimit"],
  ],
  swap: SWAP,
} as const;

/** security_assessor_table of systemd's src/analyze/analyze-security.c, release 252. */
const SET_WEIGHTS: Readonly<Record<keyof typeof SETS, number>> = {
  clock: 1000,
  "cpu-emulation": 250,
  debug: 1000,
  module: 1000,
  mount: 1000,
  obsolete: 250,
  privileged: 700,
  "raw-io": 1000,
  reboot: 1000,
  resources: 700,
  swap: 1000,
};

/** systemd's badness of a set of which a call passes, of 10; without any filter it is 10: assess_system_call_filter(). */
const SOME_CALL_PASSES = 9 / 10;

const setItems: readonly FilterItem[] = (Object.keys(SETS) as (keyof typeof SETS)[]).map((name) => ({
  item: `calls of @${name}`,
  weight: SET_WEIGHTS[name],
  systemd: `SystemCallFilter_${name.replace("-", "_")}`,
  granted: (filter) => (SETS[name].some((syscall) => passes(filter, syscall)) ? SOME_CALL_PASSES : 0),
}));

function passes(filter: FilterAnalysis, syscall: string): boolean {
  return filter.findPassing({ syscall }) !== null;
}

/** By address family, numbered as in include/linux/socket.h, and the weight of systemd's RestrictAddressFamilies= of it. */
const FAMILIES: readonly (readonly [systemd: string, name: string, families: readonly bigint[], weight: number])[] = [
  ["RestrictAddressFamilies_AF_INET_INET6", "AF_INET and AF_INET6", [2n, 10n], 1500],
  ["RestrictAddressFamilies_AF_UNIX", "AF_UNIX", [1n], 25],
  ["RestrictAddressFamilies_AF_NETLINK", "AF_NETLINK", [16n], 200],
  ["RestrictAddressFamilies_AF_PACKET", "AF_PACKET", [17n], 1000],
];

const familyItems: readonly FilterItem[] = FAMILIES.map(([systemd, name, families, weight]) => ({
  item: `sockets of ${name}`,
  weight,
  systemd,
  granted: (filter) => {
    const check = { index: 0, width: 32, op: "in", values: families, text: name } as const;
    return filter.findPassing({ syscall: "socket", checks: [check] }) === null ? 0 : 1;
  },
}));

/** PROT_WRITE|PROT_EXEC: include/uapi/asm-generic/mman-common.h. */
const WRITE_AND_EXECUTE = 0x6n;

function mapsWritableCode(filter: FilterAnalysis): boolean {
  const check = { index: 2, width: 64, op: "masked-equal", mask: WRITE_AND_EXECUTE, value: WRITE_AND_EXECUTE, text: "" } as const;
  return filter.findPassing({ syscall: "mmap", checks: [check] }) !== null;
}

/** The share of all calls that pass in some form, and with any arguments: what of the kernel can be reached, and how freely. */
function shareOfCalls(find: (syscall: string) => boolean): number {
  const names = [...SYSCALL_NUMBERS.keys()];
  return names.filter(find).length / names.length;
}

/** Everything that is asked of a filter. Weights without a setting of systemd's are ours; docs/audit.md says why. */
export const FILTER_ITEMS: readonly FilterItem[] = [
  ...setItems,
  ...familyItems,
  {
    item: "calls of other arches and x32",
    weight: 1000,
    systemd: "SystemCallArchitectures",
    granted: (filter) => ((filter.findPassing({ entry: "foreign" }) ?? filter.findPassing({ entry: "x32" })) ? 1 : 0),
  },
  {
    item: "memory that is writable and executable",
    weight: 100,
    systemd: "MemoryDenyWriteExecute",
    granted: (filter) => (mapsWritableCode(filter) ? 1 : 0),
  },
  { item: "starting programs", weight: 1500, systemd: null, granted: (filter) => anyPasses(filter, ["execve", "execveat"]) },
  { item: "opening files by name", weight: 1500, systemd: null, granted: (filter) => anyPasses(filter, OPENS) },
  { item: "io_uring", weight: 1000, systemd: null, granted: (filter) => anyPasses(filter, ["io_uring_setup"]) },
  {
    item: "share of all calls that pass",
    weight: 2000,
    systemd: null,
    granted: (filter) => shareOfCalls((syscall) => passes(filter, syscall)),
  },
  {
    item: "share of all calls that pass with any arguments",
    weight: 1000,
    systemd: null,
    granted: (filter) => shareOfCalls((syscall) => filter.findRefused({ syscall }) === null),
  },
];

const OPENS = ["open", "openat", "openat2", "creat"];

function anyPasses(filter: FilterAnalysis, syscalls: readonly string[]): number {
  return syscalls.some((syscall) => passes(filter, syscall)) ? 1 : 0;
}
