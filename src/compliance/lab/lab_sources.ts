import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { HostError } from "../../errors/index.js";

/** Programs of ours that go into images; their text is part of the images' cache keys. */
export type LabSource = "init.sh" | "run_job.sh" | "core_scheduling.config" | "initrd_init.sh" | "guest_init.sh";

/** Text of one of the programs in native/lab. Throws HostError "lab-source" when the package is incomplete. */
export async function readLabSource(name: LabSource): Promise<Buffer> {
  const file = join(packageDirectory(), "native/lab", name);
  return readFile(file).catch((cause: unknown) => {
    throw new HostError({ code: "lab-source", tried: `Cannot read ${file}`, subject: file, answer: "it is not there", cause });
  });
}

/** The directory that package.json lies in: this file is at dist/src/compliance/lab in it. */
export function packageDirectory(): string {
  return join(dirname(fileURLToPath(import.meta.url)), "../../../..");
}
