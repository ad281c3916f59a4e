import { createHash } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Absolute path of the checkout. */
export const REPOSITORY = dirname(dirname(fileURLToPath(import.meta.url)));

/** Paths below `folder`, relative to the checkout and sorted, whose names end in one of `endings`; [] when the folder is absent. */
export function listFiles(folder, endings) {
  const top = join(REPOSITORY, folder);
  const entries = statSync(top, { throwIfNoEntry: false }) ? readdirSync(top, { recursive: true }) : [];
  return entries
    .filter((name) => endings.some((ending) => name.endsWith(ending)))
    .map((name) => join(folder, name))
    .sort();
}

/** Changes whenever one of the files is added, removed, renamed or written. */
export function fingerprint(files) {
  const hash = createHash("sha256");
  for (const file of files) {
    const { size, mtimeMs } = statSync(join(REPOSITORY, file));
    hash.update(`${file}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest("hex");
}
