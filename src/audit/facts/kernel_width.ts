import { syscallArguments } from "../../seccomp/index.js";

/** Arguments that are declared 64 bits wide and cut down to 32 at once: kernel_clone_args of SYSCALL_DEFINE5(clone), kernel/fork.c. */
const CUT_DOWN: Readonly<Record<string, readonly number[]>> = { clone: [0] };

/** Arguments declared 64 bits wide of which only low flags count: do_mmap() and do_mprotect_pkey() of mm/, SYSCALL_DEFINE5(mremap). */
const LOW_FLAGS: Readonly<Record<string, readonly number[]>> = {
  mmap: [2, 3, 4],
  mprotect: [2],
  pkey_mprotect: [2],
  mremap: [3],
  mbind: [2],
  unshare: [0],
};

/** How many bits of an argument the kernel looks at; undefined for a call or an argument that the table of signatures lacks. */
export function kernelWidth(syscall: string, index: number): 32 | 64 | undefined {
  if (CUT_DOWN[syscall]?.includes(index) === true) return 32;
  return syscallArguments(syscall)?.[index]?.width;
}

/** Whether the upper half of a 64-bit argument makes no difference to the kernel, or one that it refuses. */
export function ignoresHighHalf(syscall: string, index: number): boolean {
  return LOW_FLAGS[syscall]?.includes(index) === true;
}
