import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** Top of the build that this file belongs to: the folder that holds the compiled `src` and `test`. */
export const buildRoot = dirname(dirname(import.meta.dirname));

/** Top of the checkout, for fixtures and sources that are not compiled. A build made elsewhere is run from the checkout. */
export const repositoryRoot = findRepositoryRoot();

function findRepositoryRoot(): string {
  const candidates = [dirname(buildRoot), process.cwd()];
  const found = candidates.find((folder) => existsSync(join(folder, "test/support/repository.ts")));
  if (found === undefined) throw new Error(`none of ${candidates.join(", ")} is the checkout: run tests from its top`);
  return found;
}
