import { lstatSync, readdirSync } from "node:fs";
import { SandboxError } from "../errors/index.js";
import type { ProgramInventory } from "../host/index.js";
import { readFileContext, setFileContext } from "../kernel/index.js";

/** The two contexts of a private root: of the file that is its program, and of all else. */
export interface RootLabels {
  readonly root: string;
  readonly program: string;
}

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

/** Where a root, or what a live process has as one, is not labelled as planned. `mounted`: mount points, which have labels of their own. */
export function compareRootLabels(
  root: string,
  expected: { readonly inventory: ProgramInventory; readonly labels: RootLabels },
  mounted: readonly string[],
): string[] {
  const found = findUnlabelled(root, plannedLabels(expected.inventory, expected.labels), mounted);
  return found.map(({ path, planned, observed }) => `${path}: planned ${planned}, observed ${observed}`);
}

type LabelOf = (path: string) => string;

function plannedLabels({ program }: ProgramInventory, labels: RootLabels): LabelOf {
  return (path) => (path === program ? labels.program : labels.root);
}

interface Unlabelled {
  readonly path: string;
  readonly planned: string;
  readonly observed: string;
}

function findUnlabelled(root: string, labelOf: LabelOf, mounted: readonly string[] = []): Unlabelled[] {
  const found: Unlabelled[] = [];
  const visit = (below: string): void => {
    if (mounted.includes(below)) return;
    // The dot: /proc/PID/root is a link, and what it leads to is meant.
    const path = below === "" ? `${root}/.` : `${root}${below}`;
    const [planned, observed] = [labelOf(below), readFileContext(path)];
    if (planned !== observed) found.push({ path, planned, observed });
    if (!lstatSync(path).isDirectory()) return;
    for (const name of readdirSync(path)) visit(`${below}/${name}`);
  };
  visit("");
  return found;
}
