import { fileURLToPath } from "node:url";
import { readOwnContext } from "../host/index.js";
import { type LauncherInputs, type LauncherPlan, type LaunchPlan, planLauncher } from "../plan/index.js";
import { type CategoryRange, supervisorContext } from "../selinux/index.js";
import type { PlanRequest } from "./prepare_plan.js";
import { compileRole, type PolicyFolder, readPolicyFolder } from "./resolved_role.js";

/** The role whose policy says what a launcher calls while it supervises; it has no process of its own in a plan. */
const LAUNCHER_ROLE = "launcher";
/** The package, from dist/src/machine/: Node loads modules of it when they are first needed. */
const INSTALLATION = fileURLToPath(new URL("../../..", import.meta.url));

/** What a launcher's confinement is planned from, and the array of struct sock_filter that it loads. */
export interface LauncherRole {
  readonly inputs: Omit<LauncherInputs, "supervisor">;
  readonly filter: Buffer;
}

export async function resolveLauncher(
  request: Pick<PlanRequest, "directories" | "policyFolder">,
  folder: PolicyFolder,
): Promise<LauncherRole> {
  const { policy, filter } = await compileRole(request, LAUNCHER_ROLE, folder);
  const { run, log, lib, cache } = request.directories;
  const { base64, ...facts } = filter;
  const places = { run, log, lib, cache, installation: INSTALLATION };
  return { inputs: { policy, filter: facts, places }, filter: Buffer.from(base64, "base64") };
}

/** The context that this process is to have while it supervises the VM of this VMM; null: the one that it has. */
export function labelSupervisor(vmm: string, categories: CategoryRange): string | null {
  const launcher = readOwnContext();
  return launcher === null ? null : supervisorContext({ launcher, vmm, categories });
}

/** What a supervisor that takes a VM over keeps, and the array of struct sock_filter that it loads. */
export interface Successor {
  readonly launcher: LauncherPlan;
  readonly launcherFilter: Buffer;
}

/**
 * What this launcher keeps when it supervises a VM that another one launched, which may have been of another version or
 * in another place.
 */
export async function planSuccessor(
  request: Pick<PlanRequest, "directories" | "policyFolder" | "hostConfig">,
  { vm, cgroup, launcher, processes }: Pick<LaunchPlan, "vm" | "cgroup" | "launcher" | "processes">,
): Promise<Successor> {
  const { inputs, filter } = await resolveLauncher(request, readPolicyFolder(request.policyFolder));
  // The kernel is still the one that the VM was launched on.
  const landlockAbi = launcher.landlock?.abi ?? 0;
  const vmm = processes.at(-1)?.selinux?.context ?? null;
  const supervisor = vmm === null ? null : labelSupervisor(vmm, request.hostConfig.categories);
  const plan = planLauncher({ ...inputs, supervisor }, { vm, landlockAbi, cgroup, labelled: vmm !== null });
  return { launcher: plan, launcherFilter: filter };
}
