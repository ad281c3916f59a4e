/** A change to a policy of the corpus that makes it worse, as people make it, and the checks that must see it. */
export interface Plant {
  readonly file: "block_device.policy" | "container.json" | "microvm.json" | "service.asm";
  readonly name: string;
  /** Replaced once in the file's text. */
  readonly from: string;
  readonly to: string;
  /** Ids of all checks that flag it, and of no other. */
  readonly found: readonly string[];
}

const inBlockDevice = (plant: Omit<Plant, "file">): Plant => ({ file: "block_device.policy", ...plant });
const inContainer = (plant: Omit<Plant, "file">): Plant => ({ file: "container.json", ...plant });
const inMicrovm = (plant: Omit<Plant, "file">): Plant => ({ file: "microvm.json", ...plant });
const inService = (plant: Omit<Plant, "file">): Plant => ({ file: "service.asm", ...plant });

export const PLANTS: readonly Plant[] = [
  inBlockDevice({
    name: "files may be opened",
    from: "openat: return ENOENT",
    to: "openat: 1",
    found: ["seccomp-open-read-write"],
  }),
  inBlockDevice({ name: "clone3 is open", from: "clone3: return ENOSYS", to: "clone3: 1", found: ["seccomp-clone3-open"] }),
  inBlockDevice({
    name: "clone3 fails",
    from: "clone3: return ENOSYS",
    to: "clone3: return EPERM",
    found: ["seccomp-enosys-needed"],
  }),
  inBlockDevice({ name: "clone3 is forgotten", from: "clone3: return ENOSYS\n", to: "", found: ["seccomp-newer-call-kills"] }),
  inBlockDevice({ name: "rseq is forgotten", from: "rseq: 1\n", to: "", found: ["seccomp-newer-call-kills"] }),
  inBlockDevice({
    name: "io_uring is open",
    from: "io_uring_setup: return ENOSYS",
    to: "io_uring_setup: 1\nio_uring_enter: 1",
    found: ["seccomp-io-uring-bypass"],
  }),
  inBlockDevice({
    name: "a memfd may be executed",
    from: "fstat: 1",
    to: "fstat: 1\nexecveat: 1",
    found: ["seccomp-memfd-exec"],
  }),
  inBlockDevice({ name: "it may trace", from: "prctl:", to: "ptrace: 1\nprctl:", found: ["seccomp-other-processes"] }),
  inBlockDevice({
    name: "it may read others",
    from: "prctl:",
    to: "process_vm_readv: 1\nprctl:",
    found: ["seccomp-other-processes"],
  }),
  inBlockDevice({ name: "it may load programs", from: "brk: 1", to: "brk: 1\nbpf: 1", found: ["seccomp-kernel-surface"] }),
  inBlockDevice({
    name: "pkey_mprotect is unchecked",
    from: "mremap: 1",
    to: "mremap: 1\npkey_mprotect: 1",
    found: ["seccomp-alternative-open"],
  }),
  inBlockDevice({
    name: "an ioctl is refused by 64 bits",
    from: "ioctl: arg1 == FIONBIO",
    to: "ioctl: arg1 != TIOCSTI",
    found: ["seccomp-high-half-bypass"],
  }),
  inBlockDevice({
    name: "checks cover everything",
    from: "arg2 == MADV_DONTNEED || arg2 == MADV_DONTDUMP",
    to: "arg2 == MADV_DONTNEED || arg2 != MADV_DONTNEED",
    found: ["seccomp-check-decides-nothing"],
  }),
  inContainer({
    name: "i386 is listed",
    from: '["SCMP_ARCH_X86_64"]',
    to: '["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]',
    found: ["seccomp-foreign-arch-open"],
  }),
  inContainer({
    name: "x32 is listed",
    from: '["SCMP_ARCH_X86_64"]',
    to: '["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"]',
    found: ["seccomp-x32-open"],
  }),
  inContainer({
    name: "one socket family is refused by 64 bits",
    from: '"op": "SCMP_CMP_LT"',
    to: '"op": "SCMP_CMP_NE"',
    found: ["seccomp-high-half-bypass"],
  }),
  inContainer({
    name: "clone3 is allowed",
    from: '"SCMP_ACT_ERRNO", "errnoRet": 38',
    to: '"SCMP_ACT_ALLOW"',
    found: ["seccomp-clone3-open"],
  }),
  inContainer({
    name: "clone3 gets EPERM",
    from: '"errnoRet": 38',
    to: '"errnoRet": 1',
    found: ["seccomp-enosys-needed"],
  }),
  inContainer({
    name: "faccessat2 is forgotten",
    from: '"faccessat2",',
    to: "",
    found: ["seccomp-enosys-needed"],
  }),
  inContainer({
    name: "io_uring is allowed",
    from: '"io_setup"',
    to: '"io_setup", "io_uring_setup", "io_uring_enter"',
    found: ["seccomp-io-uring-bypass"],
  }),
  inContainer({ name: "mounting is allowed", from: '"mknodat"', to: '"mknodat", "mount"', found: ["seccomp-kernel-surface"] }),
  inContainer({ name: "ptrace is allowed", from: '"pwrite64"', to: '"ptrace", "pwrite64"', found: ["seccomp-other-processes"] }),
  inContainer({
    name: "what is not named is allowed",
    from: '"defaultAction": "SCMP_ACT_ERRNO"',
    to: '"defaultAction": "SCMP_ACT_LOG"',
    found: ["seccomp-newer-calls-pass", "seccomp-kernel-surface", "seccomp-other-processes", "seccomp-check-decides-nothing"],
  }),
  inMicrovm({
    name: "the low half of a length is compared",
    from: '{ "syscall": "munmap" }',
    to: '{ "syscall": "munmap", "args": [{"index": 1, "type": "dword", "op": "eq", "val": 4096}]}',
    found: ["seccomp-low-half-compared"],
  }),
  inMicrovm({
    name: "a socket family is refused by a qword",
    from: '{ "index": 0, "type": "dword", "op": "eq", "val": 1, "comment": "AF_UNIX" }',
    to: '{ "index": 0, "type": "qword", "op": "ne", "val": 16 }',
    found: ["seccomp-high-half-bypass"],
  }),
  inMicrovm({
    name: "userfaultfd is allowed",
    from: '{ "syscall": "writev" }',
    to: '{ "syscall": "writev" }, {"syscall": "userfaultfd"}',
    found: ["seccomp-kernel-surface"],
  }),
  inMicrovm({
    name: "what does not match is allowed",
    from: '"default_action": "trap"',
    to: '"default_action": "log"',
    found: [
      "seccomp-x32-open",
      "seccomp-newer-calls-pass",
      "seccomp-kernel-surface",
      "seccomp-other-processes",
      "seccomp-check-decides-nothing",
    ],
  }),
  inService({
    name: "the arch is not checked",
    from: "A = arch\nif (A != ARCH_X86_64) goto dead\n",
    to: "",
    found: ["seccomp-arch-unchecked"],
  }),
  inService({
    name: "i386 calls are judged by x86-64 numbers",
    from: "A = arch\nif (A != ARCH_X86_64) goto dead\n",
    to: "A = arch\nif (A == 0x40000003) goto number\nif (A != ARCH_X86_64) goto dead\nnumber: ",
    found: ["seccomp-foreign-arch-open"],
  }),
  inService({
    name: "the high half is not looked at",
    from: "mmap: A = args[2] >> 32\nif (A != 0) goto dead\nA = args[2]\nif (A & 0xfffffffc) goto dead\n",
    to: "mmap: A = args[1]\nif (A != 0x1000) goto dead\n",
    found: ["seccomp-low-half-compared"],
  }),
  inService({
    name: "a deny rule looks at all 64 bits",
    from: "how: A = args[1]\nif (A == 2) goto ok else goto dead\n",
    to: "how: A = args[1] >> 32\nif (A != 0) goto ok\nA = args[1]\nif (A == 1) goto dead\n",
    found: ["seccomp-high-half-bypass"],
  }),
];
