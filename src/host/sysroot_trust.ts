import { lstat, realpath } from "node:fs/promises";
import { dirname } from "node:path";
import { HostError } from "../errors/index.js";
import { resolveInSysroot } from "./sysroot_path.js";

/** Write permission of group and others, and the bit by which only an owner may replace what lies in a directory: inode(7). */
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * A second installation: its loader and its program are run as root, so nobody but root may have made or may change them. Of each
 * of `targets` in it, the file and every directory above it must be root's and writable by nobody else. One that does not exist is
 * left for whoever needs it. Throws HostError "sysroot-untrusted".
 */
export async function requireTrustedSysroot(sysroot: string, targets: readonly string[]): Promise<void> {
  if (sysroot === "/") return;
  const top = await realpath(sysroot).catch(() => sysroot);
  const found = await Promise.all(targets.map((target) => resolveInSysroot(top, target).catch(() => null)));
  const files = found.filter((path) => path !== null);
  const fault = await findUntrusted([...files, top]);
  if (fault !== null) throw untrusted(sysroot, fault);
}

/** Programs that the host file names: whoever could change one would choose what its device does. Throws HostError "program-untrusted". */
export async function requireTrustedFiles(files: readonly string[]): Promise<void> {
  for (const file of files) {
    const fault = await findUntrusted([await realpath(file).catch(() => file)]);
    if (fault === null) continue;
    throw new HostError({
      code: "program-untrusted",
      tried: `Cannot let ${file} emulate a device`,
      subject: file,
      answer: fault,
      remedy: "Give it, and every directory above it, to root, writable by nobody else.",
    });
  }
}

/** Which of these files, or directories above them, somebody else than root may change, in words; null when none is. */
async function findUntrusted(files: readonly string[]): Promise<string | null> {
  const directories = new Set(files.flatMap(ancestorsOf));
  for (const path of new Set([...files, ...directories])) {
    const why = await untrustedBy(path, { isAbove: directories.has(path) });
    if (why !== null) return `${path} ${why}`;
  }
  return null;
}

function ancestorsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [parent, ...ancestorsOf(parent)];
}

async function untrustedBy(path: string, { isAbove }: { readonly isAbove: boolean }): Promise<string | null> {
  const facts = await lstat(path).catch(() => null);
  if (facts === null) return null;
  if (facts.uid !== 0) return `belongs to uid ${facts.uid}, not to root`;
  const guarded = isAbove && (facts.mode & STICKY) !== 0;
  return (facts.mode & WRITABLE_BY_OTHERS) === 0 || guarded
    ? null
    : `has mode ${(facts.mode & 0o7777).toString(8)}: others may write it`;
}

function untrusted(sysroot: string, answer: string): HostError {
  return new HostError({
    code: "sysroot-untrusted",
    tried: `Cannot run QEMU from ${sysroot}`,
    subject: sysroot,
    answer,
    remedy: "Its loader runs as root: give the whole tree to root, writable by nobody else.",
  });
}
