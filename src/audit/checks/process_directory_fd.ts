import type { Check } from "../check.js";
import { nameSome, unreadFds } from "../judge_reading.js";

export const processDirectoryFd: Check<"process"> = {
  id: "process-directory-fd",
  on: "process",
  title: "The process holds a directory open",
  severity: "low",
  rationale:
    "A directory fd is a way to every file beneath it and, with .., above it, whatever root the process has: the classic way out of a chroot or a mount namespace is one that was left open.",
  remedy:
    "Close what is not needed before exec (close_range, O_CLOEXEC); confine what is needed with Landlock or RESOLVE_BENEATH.",
  source: "/proc/PID/fd, proc_pid_fd(5); chroot(2), NOTES; openat(2)",
  needs: ["proc"],
  judge: (facts) => {
    const { fds, namespaces } = facts.process;
    const open = fds.known ? fds.value.list.filter(({ kind, access }) => kind === "directory" || access === "path") : [];
    if (open.length === 0) return unreadFds(facts);
    const host = facts.host.reference.namespaces;
    const isApart = namespaces.known && host.known && namespaces.value.mount !== host.value.mount;
    const words = open.map(({ fd, link }) => `fd ${fd} -> ${link}`);
    // Where it is in the host's mounts anyway, the fd adds nothing but what its uid may open by name.
    return [{ subject: facts.subject, evidence: nameSome(words), severity: isApart ? "high" : "low" }, ...unreadFds(facts)];
  },
};
