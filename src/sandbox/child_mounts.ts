import { chmodSync, constants, copyFileSync, openSync } from "node:fs";
import { addon } from "../kernel/index.js";
import type { ProcessPlan } from "../plan/index.js";

/** Detached mounts of one process; fds that the launcher closes once the child has them in its tree. */
export interface ChildMounts {
  readonly root: number;
  readonly dev: number;
  /** Copies of the kernel and initial RAM disk; null without a direct boot. */
  readonly boot: number | null;
}

/** Nodes take no data blocks; the limit only has to be above one page. */
const DEV_BYTES = 64 * 1024;
/** Room for directory entries beside the copied files. */
const BOOT_SLACK_BYTES = 1024 * 1024;

export interface BootFile {
  readonly name: string;
  readonly fd: number;
  readonly sizeBytes: number;
}

export interface MountRequest {
  readonly plan: ProcessPlan;
  /** The prepared private root. */
  readonly rootPath: string;
  readonly bootFiles: readonly BootFile[];
  /** Takes every fd over as soon as it is open, so that a later failure leaks none. */
  readonly keep: (fd: number) => number;
}

/** Builds the mounts of a process. Nothing of them shows on the host; all vanish with their fds. */
export function openChildMounts(request: MountRequest): ChildMounts {
  const { plan, keep } = request;
  const root = keep(addon.cloneTreeReadOnly({ path: request.rootPath }));
  const context = plan.selinux?.node ?? "";
  const dev = keep(addon.makeTmpfs({ sizeBytes: DEV_BYTES, context }));
  for (const node of plan.nodes) addon.makeNode({ directoryFd: dev, ...node, user: plan.uid, group: plan.gid });
  addon.sealTmpfs({ fd: dev });
  return { root, dev, boot: request.bootFiles.length === 0 ? null : openBoot(request, context) };
}

/** Copies, so that the process needs no right on the tenant's file and cannot see it change. */
function openBoot({ bootFiles: files, keep }: MountRequest, context: string): number {
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, BOOT_SLACK_BYTES);
  const fd = keep(addon.makeTmpfs({ sizeBytes, context }));
  for (const file of files) {
    const place = `/proc/self/fd/${fd}/${file.name}`;
    copyFileSync(`/proc/self/fd/${file.fd}`, place, constants.COPYFILE_EXCL);
    chmodSync(place, 0o444);
  }
  addon.sealTmpfs({ fd });
  return fd;
}

/** O_PATH: include/uapi/asm-generic/fcntl.h. node:fs does not name it. */
const O_PATH = 0o10000000;

/** Opens a path of the private root as the launcher sees it, for a Landlock rule. */
export function openInMounts(mounts: ChildMounts, path: string): number {
  const inside = (fd: number, rest: string): number => openSync(`/proc/self/fd/${fd}${rest}`, O_PATH);
  if (path.startsWith("/dev/")) return inside(mounts.dev, path.slice("/dev".length));
  if (path === "/boot" && mounts.boot !== null) return inside(mounts.boot, "/.");
  return inside(mounts.root, path);
}
