import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { isSystemError } from "../kernel/index.js";

/** Whether this host enforces SELinux with our module; `launcher` is the context of this process. */
export type SelinuxFacts =
  | { readonly available: true; readonly launcher: string }
  | { readonly available: false; readonly why: string };

/** Where the kernel answers: include/uapi has no names for these; security/selinux/selinuxfs.c. */
const SELINUXFS = "/sys/fs/selinux";

/** The type by which the loaded policy shows that it has our module, at our categories' sensitivity. */
const PROBED_TYPE = "bulkhead_vmm_t";

/** `modules`: the active security modules; null where securityfs is not mounted. Changes nothing. */
export function probeSelinux(modules: readonly string[] | null): SelinuxFacts {
  const enforce = readText(`${SELINUXFS}/enforce`);
  if (enforce === null) {
    const active = modules === null ? "securityfs is not mounted" : `active security modules: ${modules.join(", ")}`;
    return unavailable(`the kernel runs without SELinux (${active}); boot with lsm=selinux`);
  }
  if (enforce !== "1") return unavailable("SELinux is permissive; run: setenforce 1");
  if (readText(`${SELINUXFS}/mls`) !== "1") return unavailable("the loaded policy has no categories");
  const launcher = readOwnContext() ?? "";
  const [user, role] = launcher.split(":");
  if (isValidContext(`${user}:${role}:${PROBED_TYPE}:s0`)) return { available: true, launcher };
  if (isValidContext(`system_u:system_r:${PROBED_TYPE}:s0`))
    return unavailable(`the role ${role} may not launch VMs; log in as an administrator, or run: runcon -t bulkhead_t`);
  return unavailable("the loaded policy has no module of Bulkhead; run: bulkhead selinux install");
}

/** The SELinux context of this process; null where the kernel shows none. */
export function readOwnContext(): string | null {
  return readText("/proc/self/attr/current")?.replace(/\0$/, "") ?? null;
}

function unavailable(why: string): SelinuxFacts {
  return { available: false, why };
}

/** Writing a context to this file asks whether the loaded policy knows it: EINVAL when not. */
function isValidContext(context: string): boolean {
  const fd = openSync(`${SELINUXFS}/context`, "r+");
  try {
    writeSync(fd, context);
    return true;
  } catch (error) {
    if (isSystemError(error)) return false;
    throw error;
  } finally {
    closeSync(fd);
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if (isSystemError(error)) return null;
    throw error;
  }
}
