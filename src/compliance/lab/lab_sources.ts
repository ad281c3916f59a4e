import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { HostError } from "../../errors/index.js";

/** What is ours and goes into images; their text is part of the images' cache keys. */
export type LabSource = "init.sh" | "run_job.sh" | "core_scheduling.config" | "initrd_init.sh" | "guest_init.sh" | "widened.cil";

/** Text of one of the programs in native/lab. Throws HostError "lab-source" when the package is incomplete. */
export async function readLabSource(name: LabSource): Promise<Buffer> {
  return readPackageFile(join(packageDirectory(), "native/lab", name));
}

async function readPackageFile(file: string): Promise<Buffer> {
  return readFile(file).catch((cause: unknown) => {
    throw new HostError({ code: "lab-source", tried: `Cannot read ${file}`, subject: file, answer: "it is not there", cause });
  });
}

/** How the policy's tools call our module: the file's name without its ending. */
export const POLICY_MODULE_NAME = "bulkhead.cil";

/** Text of the SELinux module, which the lab's policy gets. Throws HostError "lab-source" when the package is incomplete. */
export async function readPolicyModule(): Promise<Buffer> {
  return readPackageFile(join(packageDirectory(), "selinux", POLICY_MODULE_NAME));
}

/** The directory that package.json lies in: above this file in dist/src/compliance/lab, and above the bundled command that has it. */
export function packageDirectory(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, "package.json"))) {
    const above = dirname(directory);
    if (above === directory) throw new Error("no package.json stands above the lab's code");
    directory = above;
  }
  return directory;
}
