import { PolicyError } from "../errors/index.js";
import { type HostFacts, type ProgramInventory, probeHost } from "../host/index.js";
import {
  IMAGE_JUDGE_ROLE,
  imageLayers,
  type LaunchPlan,
  planLaunch,
  roleKey,
  type VmCgroupPlan,
  withJudgedFileSize,
} from "../plan/index.js";
import { rootsDirectory } from "../sandbox/index.js";
import { checkAgainstHost, type HostConfig, isModelled, type QemuInstallation, VMM_ID, type VmSpec } from "../spec/index.js";
import type { Directories } from "../state/index.js";
import { drawIdentities } from "./draw_identities.js";
import { holdImages } from "./image_labels.js";
import { type JudgeInputs, judgeImages } from "./judge_images.js";
import { labelSupervisor, resolveLauncher } from "./prepare_launcher.js";
import {
  type PolicyFolder,
  type ResolvedRole,
  readPolicyFolder,
  resolveImageJudge,
  resolveProgramRole,
  resolveRole,
} from "./resolved_role.js";
import { closeTenantFiles, makeSerialLogs, openTenantFiles, type TenantFiles } from "./tenant_files.js";

export interface PlanRequest {
  readonly spec: VmSpec;
  readonly hostConfig: HostConfig;
  readonly directories: Directories;
  /** Folder of role policies. */
  readonly policyFolder: string;
  readonly qemu: QemuInstallation;
  /** Plan models that their roles do not list, for a trial that runs no guest. Default: they are refused. */
  readonly anyModel?: boolean;
  /** For the compliance suite: a static program of the host that stands at QEMU's path in every private root. */
  readonly standIn?: string;
}

export interface PreparedPlan {
  readonly plan: LaunchPlan;
  readonly facts: HostFacts;
  readonly files: TenantFiles;
  /** By roleKey(): the array of struct sock_filter. */
  readonly filters: ReadonlyMap<string, Buffer>;
  readonly inventories: ReadonlyMap<string, ProgramInventory>;
  /** Likewise, for the launcher itself. */
  readonly launcherFilter: Buffer;
}

type OnReserved = (uids: readonly number[]) => void;

export interface PrepareOptions {
  /** Records the uids before anything else can fail; null: nothing is reserved, and the uids of the plan are only drawn. */
  readonly onReserved: OnReserved | null;
  /** For a launch: nobody else may write what this VM uses. */
  readonly claimsFiles: boolean;
  /**
   * Makes the VM's group, in which its images are judged; null: it is not this caller's to make, and judges run in no group of
   * their own.
   */
  readonly claimGroup: ((plan: VmCgroupPlan) => void) | null;
}

/**
 * Steps 1 to 5 of a launch: checks the VM file against the host file, probes the host, resolves the policies, reserves the
 * uids, opens the tenant's files, plans, and has every qcow2 image judged.
 */
export async function preparePlan(request: PlanRequest, options: PrepareOptions): Promise<PreparedPlan> {
  const { spec, hostConfig, directories } = request;
  checkAgainstHost(spec, hostConfig);
  const facts = probeHost({ skipKvm: spec.machine.accel === "tcg" });
  const folder = readPolicyFolder(request.policyFolder);
  const roles = await resolveRoles(request, folder);
  const launcher = await resolveLauncher(request, folder);
  const filesRequest = { spec, hostConfig, claimIn: options.claimsFiles ? directories : null };
  const files = openTenantFiles(filesRequest);
  try {
    const processes = [...spec.devices, { id: VMM_ID, role: VMM_ID }];
    const owner = { vm: spec.name, hostConfig, facts, directories, reserves: options.onReserved !== null };
    const identities = drawIdentities(owner, processes, options.onReserved ?? (() => {}));
    const vmm = identities.get(VMM_ID)?.labels?.process ?? null;
    const planned = planLaunch({
      spec,
      hostConfig,
      facts,
      roles: new Map([...roles].map(([role, known]) => [role, known.inputs])),
      identities,
      images: new Map([...files.images].map(([id, file]) => [id, file.facts])),
      bootFiles: files.kernel === null ? null : { kernel: files.kernel.facts.path, initrd: files.initrd?.facts.path ?? null },
      launcher: { ...launcher.inputs, supervisor: vmm === null ? null : labelSupervisor(vmm, hostConfig.categories) },
      rootsDirectory: rootsDirectory(directories.cache),
    });
    // Before the judges, whose domain reads an image by its label; a plan to look at changes no label, and has nothing judged then.
    const isLabelled = planned.processes.some(({ selinux }) => selinux !== null);
    if (options.claimsFiles) holdImages(directories, planned, files.images);
    const role = options.claimsFiles || !isLabelled ? roles.get(IMAGE_JUDGE_ROLE) : undefined;
    const plan = role === undefined ? planned : await judgePlan({ request, plan: planned, role, images: files.images }, options);
    return {
      plan,
      facts,
      files: makeSerialLogs(filesRequest, files),
      filters: new Map([...roles].map(([role, known]) => [role, known.filter])),
      inventories: new Map([...roles].map(([role, known]) => [role, known.inputs.inventory])),
      launcherFilter: launcher.filter,
    };
  } catch (error) {
    closeTenantFiles(files);
    throw error;
  }
}

/** Has the images of a plan judged; returns it with the limits that follow from what they hold. */
async function judgePlan(inputs: JudgeInputs, { claimGroup }: PrepareOptions): Promise<LaunchPlan> {
  const { plan, request } = inputs;
  if (plan.cgroup !== null) claimGroup?.(plan.cgroup);
  const judges = claimGroup === null ? plan.judges.map((one) => ({ ...one, cgroup: null })) : plan.judges;
  const virtualBytes = await judgeImages({ ...inputs, plan: { ...plan, judges } });
  const images = new Map([...inputs.images].map(([key, file]) => [key, file.facts]));
  const processes = plan.processes.map((process) => {
    const device = request.spec.devices.find(({ id }) => id === process.id);
    return device === undefined ? process : withJudgedFileSize(process, device, { images, virtualBytes });
  });
  return { ...plan, processes };
}

/** A plan to look at: its uids are drawn as a launch's would be, and stay free; its files are closed. */
export async function previewPlan(request: PlanRequest): Promise<LaunchPlan> {
  const prepared = await preparePlan(request, { onReserved: null, claimsFiles: false, claimGroup: null });
  closeTenantFiles(prepared.files);
  return prepared.plan;
}

/** The roles of all devices, the VMM's, and the judge's when an image is qcow2. */
export async function resolveRoles(request: PlanRequest, folder: PolicyFolder): Promise<Map<string, ResolvedRole>> {
  const roles = new Map<string, ResolvedRole>();
  for (const named of [...request.spec.devices, { role: VMM_ID, program: undefined }]) {
    const { role, program } = named;
    const key = roleKey(named);
    if (roles.has(key)) continue;
    const resolve = () =>
      program === undefined
        ? resolveRole(request, policyNameOf(role, request.spec), folder)
        : resolveProgramRole(request, { role, program }, folder);
    roles.set(
      key,
      await resolve().catch((error: unknown) => {
        throw placeUnknownRole(error, request.spec, role);
      }),
    );
  }
  if (request.anyModel !== true) await requireModels(request, roles);
  const isJudged = request.spec.devices.some((device) => imageLayers(device).some(({ format }) => format === "qcow2"));
  if (isJudged) roles.set(IMAGE_JUDGE_ROLE, await resolveImageJudge(request, folder));
  return roles;
}

/** A VMM that joins devices while its guest runs may call more then, and no other VMM does. */
const HOT_PLUG_VMM = "vmm-hot-plug";

function policyNameOf(role: string, { machine }: VmSpec): string {
  return role === VMM_ID && machine.hotPlugSlots !== undefined ? HOT_PLUG_VMM : role;
}

/** A policy folder does not know who asks for a role; whoever wrote the VM file wants to know where. */
function placeUnknownRole(error: unknown, spec: VmSpec, role: string): unknown {
  const index = spec.devices.findIndex((device) => device.role === role);
  if (!(error instanceof PolicyError) || error.code !== "role-unknown" || index < 0) return error;
  const position = spec.source.locate(["devices", index, "role"]);
  const tried = `${position}: ${error.message.charAt(0).toLowerCase()}${error.message.slice(1)}`;
  return new PolicyError({ code: error.code, tried, subject: role, cause: error });
}

async function requireModels({ spec, policyFolder }: PlanRequest, roles: ReadonlyMap<string, ResolvedRole>): Promise<void> {
  for (const [index, device] of spec.devices.entries()) {
    const policy = roles.get(device.role)?.inputs.policy;
    if (policy === undefined || !isModelled(device) || policy.models.includes(device.model)) continue;
    const { requireRoleOfModel, rolesOfModel } = await import("../policy/index.js");
    const position = spec.source.locate(["devices", index, "model"]);
    requireRoleOfModel(policy, { model: device.model, position, homes: rolesOfModel(policyFolder, device.model) });
  }
}
