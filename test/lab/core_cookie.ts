import { execFileSync } from "node:child_process";

/**
 * The tests' own reading, sharing nothing with the addon. PR_SCHED_CORE 62, PR_SCHED_CORE_GET 0, PIDTYPE_PID 0:
 * include/uapi/linux/prctl.h and include/linux/pid_types.h.
 */
const PROGRAM = `
import ctypes, errno, sys
libc = ctypes.CDLL(None, use_errno=True)
for tid in map(int, sys.argv[1:]):
    cookie = ctypes.c_ulong()
    if libc.prctl(62, 0, tid, 0, ctypes.byref(cookie)) == 0:
        print(cookie.value)
    else:
        assert ctypes.get_errno() == errno.ESRCH, ctypes.get_errno()
`;

/** Core-scheduling cookies of threads, in their order; "0": none. One that has ended meanwhile, as block workers do, is left out. */
export function readCookies(tids: readonly number[]): string[] {
  return execFileSync("python3", ["-c", PROGRAM, ...tids.map(String)], { encoding: "utf8" })
    .trim()
    .split("\n");
}
