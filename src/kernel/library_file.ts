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
  const path = findLibrary({ soname: SONAME, code: "libseccomp-missing", debianPackage: "libseccomp2" });
  const { size, mtimeMs } = statSync(path);
  return { path, identity: `${basename(path)}:${size}:${mtimeMs}` };
}

export interface WantedLibrary {
  readonly soname: string;
  /** Code of the error when it is not there. */
  readonly code: string;
  readonly debianPackage: string;
}

/** The path of a shared library, symbolic links resolved. Throws HostError with the library's own code. */
export function findLibrary(wanted: WantedLibrary): string {
  for (const directory of DIRECTORIES) {
    try {
      return realpathSync(join(directory, wanted.soname));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw unreadable(wanted, join(directory, wanted.soname), error);
    }
  }
  throw unreadable(wanted, wanted.soname, undefined);
}

function unreadable({ soname, code, debianPackage }: WantedLibrary, subject: string, cause: unknown): HostError {
  return new HostError({
    code,
    tried: `Cannot find ${soname}`,
    subject,
    answer: cause instanceof Error ? cause.message : `it is in none of ${DIRECTORIES.join(", ")}`,
    remedy: `Install it: apt-get install ${debianPackage}`,
    cause,
  });
}
