import { join } from "node:path";
import { repositoryRoot } from "./repository.js";

/** Preloaded with `node --import`: the addon is the one that was built with sanitizers, wherever it is asked for. */
const BUILT = join(repositoryRoot, "native/build/Release/bulkhead.node");
const SANITIZED = join(repositoryRoot, "native/build/sanitized/bulkhead.node");

const open = process.dlopen.bind(process);
process.dlopen = (module: object, path: string, flags?: number): void => {
  const chosen = path === BUILT ? SANITIZED : path;
  if (flags === undefined) open(module, chosen);
  else open(module, chosen, flags);
};
