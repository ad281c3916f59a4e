import { lstatSync, readdirSync } from "node:fs";
import type { ProgramInventory } from "../host/index.js";
import { readFileContext } from "../kernel/index.js";

/** The two contexts of a private root: of the file that is its program, and of all else. */
export interface RootLabels {
  readonly root: string;
  readonly program: string;
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

/** The planned context by path below the root. */
type LabelOf = (path: string) => string;

export function plannedLabels({ program }: ProgramInventory, labels: RootLabels): LabelOf {
  return (path) => (path === program ? labels.program : labels.root);
}

export interface Unlabelled {
  readonly path: string;
  readonly planned: string;
  readonly observed: string;
}

/** Every file, directory and link that has another context than planned. `mounted`: not looked into. */
export function findUnlabelled(root: string, labelOf: LabelOf, mounted: readonly string[] = []): Unlabelled[] {
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
