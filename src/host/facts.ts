import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { addon, answerOf, isSystemError } from "../kernel/index.js";
import type { Availability } from "./availability.js";
import { type CgroupFacts, readCgroupFacts } from "./cgroup_facts.js";
import { probeSelinux, type SelinuxFacts } from "./selinux_facts.js";

/** Read-only facts about this machine; everything a plan depends on and nothing else. */
export interface HostFacts {
  readonly kernelRelease: string;
  /** MemTotal of /proc/meminfo, in bytes. */
  readonly memoryBytes: number;
  /** Logical CPUs that the launcher, and so what it starts, may run on. */
  readonly cpus: number;
  /** Active security modules in order; null when securityfs is not mounted. */
  readonly securityModules: readonly string[] | null;
  /** Landlock ABI version; 0: none. */
  readonly landlockAbi: number;
  readonly kvm: Availability;
  readonly cgroup: CgroupFacts;
  readonly coreScheduling: Availability;
  readonly selinux: SelinuxFacts;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if (isSystemError(error)) return null;
    throw error;
  }
}

function probeLandlock(): number {
  try {
    return addon.landlockAbi();
  } catch (error) {
    if (isSystemError(error)) return 0;
    throw error;
  }
}

/** KVM counts as available only when guest code ran in it, with an in-kernel interrupt controller and an irqfd. */
function probeKvm(): Availability {
  try {
    addon.kvmVersion();
    return { available: true };
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return { available: false, why: error.code === "EPROTO" ? "/dev/kvm opens, but no guest code runs" : answerOf(error) };
  }
}

/** PR_SCHED_CORE answers EINVAL without CONFIG_SCHED_CORE, ENODEV without hardware threads: kernel/sched/core_sched.c. */
function probeCoreScheduling(): Availability {
  try {
    addon.coreCookie({ pid: 0 });
    return { available: true };
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const why =
      error.code === "ENODEV" ? "this machine shows no hardware threads" : `the kernel has no core scheduling (${error.code})`;
    return { available: false, why };
  }
}

/** Probes this machine. Changes nothing. The KVM guest takes some 10 ms, which a launch that asks for TCG saves. */
export function probeHost(options: { readonly skipKvm: boolean } = { skipKvm: false }): HostFacts {
  const modules = readText("/sys/kernel/security/lsm")?.split(",") ?? null;
  return {
    kernelRelease: readText("/proc/sys/kernel/osrelease") ?? "unknown",
    memoryBytes: totalmem(),
    cpus: availableParallelism(),
    securityModules: modules,
    landlockAbi: probeLandlock(),
    kvm: options.skipKvm ? { available: false, why: "not probed, as nobody asks for it" } : probeKvm(),
    cgroup: readCgroupFacts(),
    coreScheduling: probeCoreScheduling(),
    selinux: probeSelinux(modules),
  };
}
