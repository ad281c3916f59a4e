import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { loadRolePolicy } from "../../src/policy/index.js";
import { compiledFilter, findConstant, SYSCALL_NUMBERS, X32_BIT } from "../../src/seccomp/index.js";
import { suite } from "../support/harness.js";
import { repositoryRoot } from "../support/repository.js";
import { type CompiledVictim, compileVictim } from "../support/victim/compile_victim.js";

const test = suite("disk role's run filter in the kernel", { timeoutMs: 20_000 });

let victim: CompiledVictim;
let filter: string;

test.before(async () => {
  victim = compileVictim("one_call");
  const { seccomp } = loadRolePolicy({ folder: join(repositoryRoot, "policies"), role: "disk" });
  const program = await compiledFilter({ policy: seccomp, phases: "run", cacheDirectory: join(victim.folder, "cache") });
  filter = join(victim.folder, "disk.bpf");
  writeFileSync(filter, program.bytes);
});
test.after(() => victim.remove());

type Argument = number | bigint | string;

/** Makes one call under the filter: its result, or the signal that ended the process. */
function makeCall(entry: "syscall" | "int80", number: number, args: readonly Argument[], under = filter): string {
  const words = args.map((arg) => String(typeof arg === "string" ? constantValue(arg) : arg));
  const { stdout, stderr, signal, status } = spawnSync(victim.path, [under, entry, String(number), ...words], {
    encoding: "utf8",
  });
  if (signal !== null) return signal;
  assert.is(status, 0, stderr);
  return stdout.trim();
}

function constantValue(names: string): bigint {
  return names.split("|").reduce((bits, name) => bits | known(findConstant(name)?.value, name), 0n);
}

function numberOf(syscall: string): number {
  return known(SYSCALL_NUMBERS.get(syscall), syscall);
}

function known<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`the tables have no ${name}`);
  return value;
}

const { EBADF, ENOSYS } = constants.errno;
const HIGH_BIT = 1n << 32n;

/** Each forbidden call, and beside it the nearest allowed one with what the kernel then answers. */
const TWINS: readonly (readonly [
  forbidden: readonly [string, ...Argument[]],
  allowed: readonly [string, ...Argument[]],
  answer: RegExp,
])[] = [
  [
    ["mmap", 0, 4096, "PROT_READ|PROT_EXEC", "MAP_PRIVATE|MAP_ANONYMOUS", -1],
    ["mmap", 0, 4096, "PROT_READ", "MAP_PRIVATE|MAP_ANONYMOUS", -1],
    /returned \d+/,
  ],
  [["mprotect", 0, 0, "PROT_EXEC"], ["mprotect", 0, 0, "PROT_READ"], /returned 0/],
  [["mprotect", 0, 0, HIGH_BIT | 4n], ["mprotect", 0, 0, "PROT_NONE"], /returned 0/],
  [["ioctl", 99, "KVM_RUN"], ["ioctl", 99, "BLKROGET"], new RegExp(`returned -${EBADF}`)],
  [["ioctl", 99, "TIOCSTI"], ["ioctl", 99, "BLKSECTGET"], new RegExp(`returned -${EBADF}`)],
  [["ioctl", 99, 0x125f], ["ioctl", 99, HIGH_BIT | 0x125en], new RegExp(`returned -${EBADF}`)],
  [["fcntl", 99, "F_SETFL", "FASYNC"], ["fcntl", 99, "F_SETFL", "O_NONBLOCK"], new RegExp(`returned -${EBADF}`)],
  [["fcntl", 99, "F_SETFL", "O_APPEND|O_NONBLOCK"], ["fcntl", 99, "F_GETFL"], new RegExp(`returned -${EBADF}`)],
  [["fcntl", 99, "F_SETOWN"], ["fcntl", 99, "F_OFD_GETLK"], new RegExp(`returned -${EBADF}`)],
  [["madvise", 0, 0, "MADV_REMOVE"], ["madvise", 0, 0, "MADV_DONTNEED"], /returned 0/],
  [["mremap", 0, 0, 0, "MREMAP_MAYMOVE|MREMAP_FIXED"], ["mremap", 1, 0, 0, "MREMAP_MAYMOVE"], /returned -/],
  [
    ["getsockopt", 99, "SOL_SOCKET", "SO_PEERCRED"],
    ["getsockopt", 99, "SOL_SOCKET", "SO_TYPE"],
    new RegExp(`returned -${EBADF}`),
  ],
  [["clone", "CLONE_NEWUSER"], ["clone3", 0, 0], new RegExp(`returned -${ENOSYS}`)],
  [["io_uring_enter", 99], ["io_uring_setup", 1, 0], new RegExp(`returned -${ENOSYS}`)],
];

for (const [forbidden, allowed, answer] of TWINS) {
  const [name, ...args] = forbidden;
  const [twin, ...twinArgs] = allowed;
  test(`disk role: ${name}(${args.join(", ")}) is killed, ${twin}(${twinArgs.join(", ")}) is not`, () => {
    assert.is(makeCall("syscall", numberOf(name), args), "SIGSYS");
    assert.match(makeCall("syscall", numberOf(twin), twinArgs), answer);
  });
}

/** What a process that has been taken over would reach for first. */
const FORBIDDEN = `
  execve execveat open openat openat2 creat socket socketpair connect bind accept4 sendto ptrace process_vm_readv
  process_vm_writev kill tkill tgkill pidfd_open pidfd_getfd fork vfork unshare setns mount umount2 open_tree pivot_root
  chroot bpf perf_event_open userfaultfd io_uring_register rt_sigaction prctl arch_prctl seccomp memfd_create
  memfd_secret keyctl add_key setuid setresuid capset personality modify_ldt init_module kexec_load reboot
  name_to_handle_at open_by_handle_at dup dup2 dup3 getdents64 readlinkat statx inotify_init1 fanotify_init
  landlock_create_ruleset process_madvise pkey_mprotect shmget msgget semget mq_open signalfd4 epoll_create1
  timerfd_create prlimit64 sched_setaffinity setpriority sysinfo uname getrusage`
  .trim()
  .split(/\s+/);

test("disk role: calls that its run set does not name are killed", () => {
  const survived = FORBIDDEN.filter((name) => makeCall("syscall", numberOf(name), []) !== "SIGSYS");
  assert.equal(survived, []);
});

test("disk role: making a process is killed whatever flags are added to a thread's", () => {
  const thread =
    "CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_SYSVSEM|CLONE_SETTLS|CLONE_PARENT_SETTID|CLONE_CHILD_CLEARTID";
  for (const flags of ["SIGCHLD", "CLONE_VM|CLONE_VFORK|SIGCHLD", `${thread}|CLONE_NEWNET`, `${thread}|CLONE_PTRACE`]) {
    assert.is(makeCall("syscall", numberOf("clone"), [flags]), "SIGSYS", flags);
  }
});

test("disk role: an allowed call under its x32 number is killed", () => {
  for (const name of ["read", "write", "futex", "exit_group"]) {
    assert.is(makeCall("syscall", numberOf(name) + X32_BIT, []), "SIGSYS", name);
  }
});

test("disk role: an i386 call whose number is allowed on x86-64 is killed", () => {
  // 20 is getpid on i386 and writev on x86-64; 3 is read on i386 and close on x86-64.
  for (const number of [20, 3]) {
    const unfiltered = makeCall("int80", number, [], "none");
    // A kernel without IA32 emulation knows no int 0x80: nothing to filter.
    assert.is(makeCall("int80", number, []), unfiltered === "SIGSEGV" ? "SIGSEGV" : "SIGSYS");
  }
});

test.run();
