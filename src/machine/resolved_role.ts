import { existsSync, readdirSync, readFileSync } from "node:fs";
import { findLibseccomp, IMAGE_JUDGE_PROGRAM } from "../kernel/index.js";
import { type FilterFacts, IMAGE_JUDGE_ROLE, type RoleInputs } from "../plan/index.js";
import type { ResolvedPolicy } from "../policy/index.js";
import { ContentCache } from "../state/index.js";
import { knownDeviceInventory, knownInventory, recordedStandIn, recordedStaticInventory } from "./inventory_cache.js";
import type { PlanRequest } from "./prepare_plan.js";

/** A role as a launch needs it: what the plan is computed from, and the filter that will be loaded. */
export interface ResolvedRole {
  readonly inputs: RoleInputs;
  /** The array of struct sock_filter. */
  readonly filter: Buffer;
}

/** Resolves the role that judges images: its program is ours, and needs nothing of the installation. */
export async function resolveImageJudge(request: PlanRequest, folder: PolicyFolder): Promise<ResolvedRole> {
  const { policy, filter } = await compileRole(request, IMAGE_JUDGE_ROLE, folder);
  const program = { source: IMAGE_JUDGE_PROGRAM, target: "/bin/image-judge", version: "image judge of Bulkhead" };
  const inventory = recordedStaticInventory(request.directories.cache, program);
  return { inputs: { policy, inventory, filter }, filter: Buffer.from(filter.base64, "base64") };
}

/** A role's policy and its filter as it is kept, base64. */
export interface CompiledRole {
  readonly policy: ResolvedPolicy;
  readonly filter: FilterFacts & { readonly base64: string };
}

/** Resolves a role: its policy from the folder, its filter from the policy, its files from the installation. */
export async function resolveRole(request: PlanRequest, role: string, folder: PolicyFolder): Promise<ResolvedRole> {
  const { policy, filter } = await compileRole(request, role, folder);
  const files = policy.files.map(({ path, optional }) => ({ path, optional }));
  const installed = await knownInventory(request.directories.cache, { ...request.qemu, files });
  const { standIn } = request;
  const inventory = standIn === undefined ? installed : recordedStandIn(request.directories.cache, installed, standIn);
  return { inputs: { policy, inventory, filter }, filter: Buffer.from(filter.base64, "base64") };
}

/** Resolves a role for a program of the host file, whose files are its own and none of QEMU's. */
export async function resolveProgramRole(request: PlanRequest, named: NamedProgram, folder: PolicyFolder): Promise<ResolvedRole> {
  const { role, program } = named;
  const { policy, filter } = await compileRole(request, role, folder);
  const known = request.hostConfig.programs.find(({ file }) => file === program);
  if (known === undefined) throw new Error(`the host file permits no program ${program}`);
  const inventory = await knownDeviceInventory(request.directories.cache, known);
  return { inputs: { policy, inventory, filter }, filter: Buffer.from(filter.base64, "base64") };
}

/** A program, and the role that it has. */
export interface NamedProgram {
  readonly role: string;
  readonly program: string;
}

/** The rooms that read policies and compile filters are loaded only when these files have not been seen before. */
export async function compileRole(
  request: Pick<PlanRequest, "directories" | "policyFolder">,
  role: string,
  folder: PolicyFolder,
): Promise<CompiledRole> {
  const store = new ContentCache(request.directories.cache);
  const content = JSON.stringify([role, findLibseccomp().identity, folder]);
  const kept = store.get("role", content) as CompiledRole | undefined;
  if (kept !== undefined) return kept;
  const [{ loadCallFrequencies, loadRolePolicy }, { compiledFilter }] = await Promise.all([
    import("../policy/index.js"),
    import("../seccomp/index.js"),
  ]);
  const policy = await loadRolePolicy({ folder: request.policyFolder, role });
  const cacheDirectory = `${request.directories.cache}/filters`;
  const frequencies = loadCallFrequencies({ folder: request.policyFolder, role });
  const program = await compiledFilter({ policy: policy.seccomp, phases: "lock-down", frequencies, cacheDirectory });
  const compiled = {
    policy,
    filter: {
      base64: program.bytes.toString("base64"),
      sha256: program.sha256,
      instructions: program.instructions.length,
      generator: program.choice.generator,
      generatorWhy: program.choice.why,
    },
  };
  store.put("role", content, compiled);
  return compiled;
}

/** Name and text of every file that a role's policy and its order of calls may come from. */
export type PolicyFolder = readonly (readonly [name: string, text: string])[];

/** Of a policy folder; others in it are not for launches. */
const FOLDERS = ["frequencies", "roles", "sets"];

/** Reads them all, once per launch. */
export function readPolicyFolder(folder: string): PolicyFolder {
  const present = FOLDERS.filter((name) => existsSync(`${folder}/${name}`));
  const names = present.flatMap((name) => readdirSync(`${folder}/${name}`).map((file) => `${name}/${file}`));
  return names.sort().map((name) => [name, readFileSync(`${folder}/${name}`, "utf8")] as const);
}
