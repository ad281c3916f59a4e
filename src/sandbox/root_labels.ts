import { SandboxError } from "../errors/index.js";
import type { ProgramInventory } from "../host/index.js";
import { setFileContext } from "../kernel/index.js";
import { findUnlabelled, plannedLabels, type RootLabels } from "../verify/index.js";

/**
 * Gives every file, directory and link of a root its context. The same for all launches: a root that stands already, and may be
 * in use, is only changed where it differs. Throws SandboxError "root-unlabelled".
 */
export function labelRoot(root: string, inventory: ProgramInventory, labels: RootLabels): void {
  for (const { path, planned } of findUnlabelled(root, plannedLabels(inventory, labels))) setFileContext(path, planned);
  const [left] = findUnlabelled(root, plannedLabels(inventory, labels));
  if (left === undefined) return;
  throw new SandboxError({
    code: "root-unlabelled",
    tried: `Cannot label the private root of ${inventory.program} as ${left.planned}`,
    subject: left.path,
    answer: `the kernel shows ${left.observed}`,
    remedy: "Name a cache directory on a file system with labels.",
  });
}
