import { closeSync, constants, openSync } from "node:fs";

/** Socket paths have at most 107 bytes (unix(7)); a run directory's may be longer, a directory fd's path is not. */
export function inDirectory<Result>(directory: string, name: string, use: (path: string) => Result): Result {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return use(`/proc/self/fd/${fd}/${name}`);
  } finally {
    closeSync(fd);
  }
}
