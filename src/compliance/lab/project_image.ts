import { createHash } from "node:crypto";
import { cp, mkdir, readFile, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { type BuildContext, ensureEntry } from "./cache.js";
import { addLostAndFound, makeDiskImage } from "./disk_image.js";
import { LAB_PROJECT_DIRECTORY } from "./lab_image.js";
import { checkLabels, labelTree } from "./labels.js";

/** Not copied: history, what has a disk of its own, earlier results, and what compilers leave behind. */
const LEFT_OUT = new Set([".git", "node_modules", "build", "native/build/Release/obj.target"]);

/**
 * Makes `image` a disk with the project at `project`, labelled for its place in the lab. `workDirectory` is an empty directory
 * that the caller removes. Takes about a second: it is made anew for each run, from what the files hold now.
 */
export async function makeProjectImage(
  image: string,
  project: string,
  how: { readonly labRoot: string; readonly workDirectory: string; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const stage = join(how.workDirectory, "project");
  const place = join(stage, LAB_PROJECT_DIRECTORY);
  await cp(project, place, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) => !LEFT_OUT.has(relative(project, source)),
  });
  await mkdir(join(place, "node_modules"));
  await addLostAndFound(place);
  await labelTree({ directory: stage, labRoot: how.labRoot });
  await checkLabels({ directory: place, labRoot: how.labRoot });
  await makeDiskImage(image, place, how.signal);
}

/** A disk with the project's installed dependencies, by what npm says is installed: it changes seldom and is large. */
export async function ensureModulesImage(project: string, labRoot: string, context: BuildContext): Promise<string> {
  const modules = join(project, "node_modules");
  const installed = await readFile(join(modules, ".package-lock.json")).catch(() => Buffer.from("none"));
  const directory = await ensureEntry(
    {
      name: "node-modules",
      inputs: { installed: createHash("sha256").update(installed).digest("hex"), layout: 2 },
      build: async (building, buildContext) => {
        const stage = join(building, "stage");
        const place = join(stage, LAB_PROJECT_DIRECTORY, "node_modules");
        await mkdir(place, { recursive: true });
        await cp(modules, place, { recursive: true, verbatimSymlinks: true }).catch(ignoreMissing);
        await addLostAndFound(place);
        await labelTree({ directory: stage, labRoot });
        await checkLabels({ directory: place, labRoot });
        await makeDiskImage(join(building, "disk.img"), place, buildContext.signal);
        await rm(stage, { recursive: true });
      },
    },
    context,
  );
  return join(directory, "disk.img");
}

/** A project without dependencies is not an error here: its commands say what they miss. */
function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}
