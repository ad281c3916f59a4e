import { fileURLToPath } from "node:url";
import type { PlanningContext, PlanRequest } from "../machine/index.js";
import { readHostFile, readVmFile } from "../spec/index.js";
import { ContentCache, openDirectories } from "../state/index.js";

/** Role policies as installed with this package: policies/ beside dist/. */
export const POLICY_FOLDER = fileURLToPath(new URL("../../../policies", import.meta.url));

/** The SELinux module and its assertions, likewise. */
export const SELINUX_FOLDER = fileURLToPath(new URL("../../../selinux", import.meta.url));

/** Files of this package by which the policy knows a launcher and its keeper: selinux/bulkhead.cil. Not symbolic links. */
export const ENTRY_PROGRAMS: readonly (readonly [path: string, type: string])[] = [
  [fileURLToPath(new URL("../../../dist/bundle/cli/main.js", import.meta.url)), "bulkhead_exec_t"],
  [fileURLToPath(new URL("../../../native/build/Release/bulkhead-keeper", import.meta.url)), "bulkhead_keeper_exec_t"],
];

/** What --version prints. */
export const VERSION = "0.1.0";

/** The controls of the compliance suite, likewise. */
export const CONTROL_FOLDER = fileURLToPath(new URL("../../../policies/controls", import.meta.url));

/** What all commands on a VM file start from. */
export async function readPlanRequest(vmFile: string, options: { readonly hostFile?: string }): Promise<PlanRequest> {
  const directories = openDirectories();
  const store = new ContentCache(directories.cache);
  const [spec, hostConfig] = await Promise.all([readVmFile(vmFile, store), readHostFile(options.hostFile, store)]);
  return { spec, hostConfig, directories, policyFolder: POLICY_FOLDER, qemu: hostConfig.qemu };
}

/** What commands on a VM that runs already start from. */
export async function readPlanningContext(options: { readonly hostFile?: string }): Promise<PlanningContext> {
  const directories = openDirectories();
  const hostConfig = await readHostFile(options.hostFile, new ContentCache(directories.cache));
  return { hostConfig, directories, policyFolder: POLICY_FOLDER, qemu: hostConfig.qemu };
}
