import { realpathSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { HostError } from "../errors/index.js";

export interface LibseccompFile {
  /** The library itself, symbolic links resolved. */
  readonly path: string;
  /** `libseccomp.so.2.5.4:SIZE:MTIME`, which changes whenever the library does. */
  readonly identity: string;
}

/** Where x86-64 distributions install shared libraries: Debian's multiarch, Fedora and SUSE, Arch. */
const DIRECTORIES = ["/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib"];
/** The soname since libseccomp 2.0. */
const SONAME = "libseccomp.so.2";

/** Finds libseccomp without loading it. Throws HostError "libseccomp-missing". */
export function findLibseccomp(): LibseccompFile {
  for (const directory of DIRECTORIES) {
    try {
      const path = realpathSync(join(directory, SONAME));
      const { size, mtimeMs } = statSync(path);
      return { path, identity: `${basename(path)}:${size}:${mtimeMs}` };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw unreadable(join(directory, SONAME), error);
    }
  }
  throw unreadable(SONAME, undefined);
}

function unreadable(subject: string, cause: unknown): HostError {
  return new HostError({
    code: "libseccomp-missing",
    tried: `Cannot find ${SONAME}`,
    subject,
    answer: cause instanceof Error ? cause.message : `it is in none of ${DIRECTORIES.join(", ")}`,
    remedy: "Install it: apt-get install libseccomp2",
    cause,
  });
}
