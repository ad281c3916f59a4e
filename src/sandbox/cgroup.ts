import { constants, mkdirSync, openSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { SandboxError } from "../errors/index.js";
import { answerOf } from "../kernel/index.js";
import type { ProcessCgroupPlan, VmCgroupPlan } from "../plan/index.js";

function failed(tried: string, path: string, cause: unknown): SandboxError {
  return new SandboxError({
    code: "cgroup-failed",
    tried,
    subject: path,
    answer: answerOf(cause),
    remedy: "See `bulkhead doctor`; another manager may own this hierarchy.",
    cause,
  });
}

function write(path: string, content: string): void {
  try {
    writeFileSync(path, content);
  } catch (cause) {
    throw failed(`Cannot write "${content}" to ${path}`, path, cause);
  }
}

/** Lends the controllers to the children of a group. Harmless when they have them. */
function lendControllers(directory: string, controllers: readonly string[]): void {
  if (controllers.length > 0) write(`${directory}/cgroup.subtree_control`, controllers.map((name) => `+${name}`).join(" "));
}

/** Makes the VM's group with its limits. Its processes live in leaves below it. */
export function createVmCgroup(plan: VmCgroupPlan): void {
  const parent = dirname(plan.path);
  try {
    mkdirSync(parent, { recursive: true });
    mkdirSync(plan.path);
  } catch (cause) {
    throw failed(`Cannot make the cgroup ${plan.path}`, plan.path, cause);
  }
  lendControllers(dirname(parent), plan.controllers);
  lendControllers(parent, plan.controllers);
  lendControllers(plan.path, plan.controllers);
  setCgroupLimits(plan);
}

/** Writes the limits of a group that stands. */
export function setCgroupLimits(plan: VmCgroupPlan): void {
  for (const [name, content] of Object.entries(plan.files)) write(`${plan.path}/${name}`, content);
}

/** Makes a process's leaf with its limits and returns its directory fd, which the caller closes after the clone. */
export function openLeafCgroup(plan: ProcessCgroupPlan): number {
  try {
    mkdirSync(plan.path);
  } catch (cause) {
    throw failed(`Cannot make the cgroup ${plan.path}`, plan.path, cause);
  }
  for (const [name, content] of Object.entries(plan.files)) write(`${plan.path}/${name}`, content);
  return openSync(plan.path, constants.O_RDONLY | constants.O_DIRECTORY);
}

/** Kills everything in a group and below, in one step that no fork can outrun: cgroup.kill, Linux 5.14. */
export function killCgroup(path: string): void {
  try {
    writeFileSync(`${path}/cgroup.kill`, "1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw failed(`Cannot kill the cgroup ${path}`, path, error);
  }
}

/** How long the kernel may take to let go of a killed process's group, in ms. */
const REMOVE_DEADLINE_MS = 5000;
const REMOVE_RETRY_MS = 5;

/** Removes a group and all below it. Waits `patienceMs` while killed processes leave it; throws SandboxError when they do not. */
export async function removeCgroup(path: string, patienceMs = REMOVE_DEADLINE_MS): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      removeTree(path);
      return;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "ENOENT") return;
      if (code !== "EBUSY" || Date.now() > deadline) throw failed(`Cannot remove the cgroup ${path}`, path, error);
    }
    await new Promise((resolve) => setTimeout(resolve, REMOVE_RETRY_MS));
  }
}

function removeTree(path: string): void {
  for (const child of listGroups(path)) removeTree(`${path}/${child}`);
  rmdirSync(path);
}

/** Names of the groups in a group. */
export function listGroups(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}
