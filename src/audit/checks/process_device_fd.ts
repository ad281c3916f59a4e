import type { LiveFd } from "../../observe/index.js";
import type { Check } from "../check.js";
import type { Severity } from "../finding.js";
import { unreadFds } from "../judge_reading.js";

/** Devices with which a process reaches all of the machine: Documentation/admin-guide/devices.txt. */
const MACHINE: Readonly<Record<string, string>> = {
  "char-1:1": "/dev/mem, physical memory",
  "char-1:2": "/dev/kmem, the kernel's memory",
  "char-1:4": "/dev/port, I/O ports",
  "char-10:196": "/dev/vfio/vfio, devices and DMA",
};

function judgeDevice({ kind, access }: LiveFd): { readonly what: string; readonly severity: Severity } | null {
  const what = MACHINE[kind];
  if (what !== undefined) return { what, severity: "high" };
  if (kind === "block") return { what: `a block device, ${access}`, severity: access === "r" ? "low" : "medium" };
  return null;
}

export const processDeviceFd: Check<"process"> = {
  id: "process-device-fd",
  on: "process",
  title: "The process holds a device that reaches beyond it",
  severity: "medium",
  rationale:
    "Through a raw disk a process reads and writes every file system on it, past all permissions; through physical memory, I/O ports or a device that does DMA, the kernel itself.",
  remedy: "Give it an image file or a partition of its own, read-only where it only reads; keep raw devices out of its fds.",
  source: "/proc/PID/fd and its st_rdev, proc_pid_fd(5); Documentation/admin-guide/devices.txt",
  needs: ["proc"],
  judge: (facts) => {
    const { fds } = facts.process;
    const found = (fds.known ? fds.value.list : []).flatMap((fd) => {
      const device = judgeDevice(fd);
      if (device === null) return [];
      const { what, severity } = device;
      return [{ subject: `${facts.subject}, fd ${fd.fd}`, evidence: `${fd.link} is ${what}`, severity }];
    });
    return [...found, ...unreadFds(facts)];
  },
};
