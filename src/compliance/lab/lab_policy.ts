import { copyFile, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HostError } from "../../errors/index.js";
import type { BuildContext } from "./cache.js";
import { POLICY_MODULE_NAME } from "./lab_sources.js";
import { runProgram } from "./program.js";

/** Policies that the lab holds compiled beside the one that it loads: building one there would take minutes. */
export const LAB_POLICIES = "/usr/lib/bulkhead-lab/policies";

/** `without`: the distribution's alone. `widened`: with our module and type rules that it forbids. `whole`: what the lab boots with. */
export type LabPolicy = "without" | "widened" | "whole";

const WIDENED_NAME = "bulkhead_widened.cil";
const POLICY_FOLDER = "etc/selinux/default/policy";

/**
 * As an administrator would, by the lab's own semodule, but for the loading, which its init does. `-D`: without dontaudit rules,
 * so that no denial is hidden.
 */
export async function installPolicyModule(
  tree: string,
  modules: { readonly ours: Buffer; readonly widened: Buffer },
  context: BuildContext,
): Promise<void> {
  await mkdir(join(tree, LAB_POLICIES), { recursive: true });
  await runSemodule(tree, ["-D", "-B"], context);
  await keepPolicy(tree, "without");
  await writeFile(join(tree, POLICY_MODULE_NAME), modules.ours);
  await writeFile(join(tree, WIDENED_NAME), modules.widened);
  await runSemodule(tree, ["-D", "-i", `/${POLICY_MODULE_NAME}`, "-i", `/${WIDENED_NAME}`], context);
  await keepPolicy(tree, "widened");
  await runSemodule(tree, ["-D", "-r", WIDENED_NAME.replace(".cil", "")], context);
  await keepPolicy(tree, "whole");
  for (const name of [POLICY_MODULE_NAME, WIDENED_NAME]) await rm(join(tree, name));
}

async function runSemodule(tree: string, args: readonly string[], { signal }: BuildContext): Promise<void> {
  await runProgram({ program: "chroot", args: [tree, "/usr/sbin/semodule", "-n", ...args], timeoutMs: 180_000, signal });
}

async function keepPolicy(tree: string, name: LabPolicy): Promise<void> {
  await copyFile(join(tree, POLICY_FOLDER, await findPolicy(tree)), join(tree, LAB_POLICIES, name));
}

/** The compiled policy's name has its version. */
async function findPolicy(root: string): Promise<string> {
  const name = (await readdir(join(root, POLICY_FOLDER))).find((found) => /^policy\.\d+$/.test(found));
  if (name !== undefined) return name;
  throw new HostError({
    code: "lab-policy",
    tried: "Cannot find the lab's compiled policy",
    subject: POLICY_FOLDER,
    answer: "semodule left none there",
  });
}

/** Inside the lab: loads one of its policies in place of the one that is loaded. */
export async function loadLabPolicy(policy: LabPolicy): Promise<void> {
  await copyFile(join(LAB_POLICIES, policy), join("/", POLICY_FOLDER, await findPolicy("/")));
  await runProgram({ program: "load_policy", args: [], timeoutMs: 60_000 });
}
