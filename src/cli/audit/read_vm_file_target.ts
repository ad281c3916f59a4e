import { auditVmFile, type RolePolicy, type TargetFacts, type Unknown } from "../../audit/index.js";
import { BulkheadError } from "../../errors/index.js";
import { previewPlan } from "../../machine/index.js";
import { IMAGE_JUDGE_ROLE, imageLayers, type LaunchPlan } from "../../plan/index.js";
import { loadCallFrequencies, loadRolePolicy, type ResolvedPolicy } from "../../policy/index.js";
import { VMM_ID, type VmSpec } from "../../spec/index.js";
import { POLICY_FOLDER, readPlanRequest } from "../installation.js";
import { placeFile, placeRules } from "./place_rules.js";
import type { TargetOptions } from "./read_target.js";

/** A VMM that joins devices while its guest runs has a policy of its own. */
const HOT_PLUG_VMM = "vmm-hot-plug";

/** Reads a VM file, its roles, and its plan where this host can make one. Throws what reading the VM and host files throws. */
export async function readVmFileTarget(path: string, options: TargetOptions): Promise<TargetFacts> {
  const request = await readPlanRequest(path, options);
  const { plan, unknown } = await tryPlan(request);
  return auditVmFile({ spec: request.spec, roles: readRoles(request.spec), plan, unknown });
}

async function tryPlan(
  request: Parameters<typeof previewPlan>[0],
): Promise<{ readonly plan: LaunchPlan | null; readonly unknown: readonly Unknown[] }> {
  try {
    return { plan: await previewPlan(request), unknown: [] };
  } catch (error) {
    // A file without its images, or a host without QEMU, still has policies to be judged.
    if (!(error instanceof BulkheadError)) throw error;
    return { plan: null, unknown: [{ id: null, subject: `plan of ${request.spec.name}`, why: error.message }] };
  }
}

function readRoles({ devices, machine }: VmSpec): RolePolicy[] {
  const vmm = machine.hotPlugSlots === undefined ? VMM_ID : HOT_PLUG_VMM;
  const isJudged = devices.some((device) => imageLayers(device).some(({ format }) => format === "qcow2"));
  const judge = isJudged ? [{ id: "judge of images", role: IMAGE_JUDGE_ROLE }] : [];
  const processes = [...devices.map(({ id, role }) => ({ id, role })), ...judge, { id: VMM_ID, role: vmm }];
  return processes.map(({ id, role }) => ({
    id,
    policy: readRole(role),
    frequencies: loadCallFrequencies({ folder: POLICY_FOLDER, role }),
  }));
}

/** A role with positions that can be opened from here. */
function readRole(role: string): ResolvedPolicy {
  const policy = loadRolePolicy({ folder: POLICY_FOLDER, role });
  const { start, run } = policy.seccomp;
  return {
    ...policy,
    sources: policy.sources.map((file) => placeFile(file, POLICY_FOLDER)),
    seccomp: { ...policy.seccomp, start: placeRules(start, POLICY_FOLDER), run: placeRules(run, POLICY_FOLDER) },
  };
}
