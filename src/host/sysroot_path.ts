import { readlink } from "node:fs/promises";
import { join } from "node:path";

/** MAXSYMLINKS: include/linux/namei.h. */
const LINKS_MAX = 40;

/**
 * The path on the host of what `target` names inside `sysroot`, as a process whose root is there would find it: absolute
 * links start from the sysroot, and `..` never leads out of it. Rejects with the error of readlink(2), or with ELOOP.
 */
export async function resolveInSysroot(sysroot: string, target: string): Promise<string> {
  const pending = target.split("/").reverse();
  let resolved: string[] = [];
  let links = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      resolved.pop();
      continue;
    }
    const link = await readLink(join(sysroot, ...resolved, name));
    if (link === null) {
      resolved.push(name);
      continue;
    }
    links += 1;
    if (links > LINKS_MAX) throw Object.assign(new Error(`too many symbolic links in ${target}`), { code: "ELOOP" });
    if (link.startsWith("/")) resolved = [];
    pending.push(...link.split("/").reverse());
  }
  return join(sysroot, ...resolved);
}

/** null for what exists and is no symbolic link: readlink(2) answers EINVAL. */
async function readLink(path: string): Promise<string | null> {
  return readlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "EINVAL") return null;
    throw error;
  });
}
