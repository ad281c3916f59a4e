import { wordCall } from "../../seccomp/index.js";
import type { Check } from "../check.js";
import { locateCall } from "../facts/filter_facts.js";

/** Calls that io_uring does as well, out of sight of any filter: enum io_uring_op of include/uapi/linux/io_uring.h. */
const DONE_BY_IO_URING = [
  ...["openat", "openat2", "unlinkat", "renameat2", "mkdirat", "symlinkat", "linkat", "statx"],
  ...["socket", "connect", "accept4", "bind", "listen", "sendmsg", "recvmsg", "setxattr", "ftruncate"],
];

export const seccompIoUringBypass: Check<"filter"> = {
  id: "seccomp-io-uring-bypass",
  on: "filter",
  title: "io_uring gets around rules on files and sockets",
  severity: "high",
  rationale:
    "What is submitted to a ring is done by the kernel without a system call, so no filter sees it: files are opened and sockets connected although their calls are refused.",
  remedy: "Refuse io_uring_setup, with ENOSYS or EPERM; programs fall back to system calls.",
  source: "io_uring(7); include/uapi/linux/io_uring.h",
  needs: ["filter"],
  judge: (facts) => {
    const { analysis, subject } = facts;
    if (["io_uring_setup", "io_uring_enter"].some((syscall) => analysis.findPassing({ syscall }) === null)) return [];
    const refused = DONE_BY_IO_URING.map((syscall) => analysis.findRefused({ syscall })).find((call) => call !== null);
    if (refused === undefined) return [];
    const evidence = `io_uring_setup and io_uring_enter pass, and ${wordCall(refused)} is refused, which a ring does as well`;
    return [{ subject, evidence, ...locateCall(facts, "io_uring_setup") }];
  },
};
