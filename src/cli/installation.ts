import { fileURLToPath } from "node:url";
import type { PlanRequest } from "../machine/index.js";
import { readHostFile, readVmFile } from "../spec/index.js";
import { ContentCache, openDirectories } from "../state/index.js";

/** Role policies as installed with this package: policies/ beside dist/. */
export const POLICY_FOLDER = fileURLToPath(new URL("../../../policies", import.meta.url));

/** What all commands on a VM file start from. */
export async function readPlanRequest(vmFile: string, options: { readonly hostFile?: string }): Promise<PlanRequest> {
  const directories = openDirectories();
  const store = new ContentCache(directories.cache);
  const [spec, hostConfig] = await Promise.all([readVmFile(vmFile, store), readHostFile(options.hostFile, store)]);
  return { spec, hostConfig, directories, policyFolder: POLICY_FOLDER, qemu: hostConfig.qemu };
}
