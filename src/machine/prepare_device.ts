import { closeSync } from "node:fs";
import { type ProgramInventory, probeHost } from "../host/index.js";
import {
  type AddedDevicePlan,
  type DevicePlanInputs,
  IMAGE_JUDGE_ROLE,
  type LaunchPlan,
  planAddedDevice,
  roleKey,
  withJudgedFileSize,
} from "../plan/index.js";
import { rootsDirectory } from "../sandbox/index.js";
import { type AddedDevice, addDeviceToSpec, checkAgainstHost, type VmSpec } from "../spec/index.js";
import { readUidUse, reserveUid } from "../state/index.js";
import type { RecordedSpec } from "../verify/index.js";
import { drawLabelsOfAdded } from "./draw_identities.js";
import type { OpenedFile } from "./image.js";
import { holdImages } from "./image_labels.js";
import { judgeImages } from "./judge_images.js";
import { resolveRoles } from "./prepare_plan.js";
import { type ResolvedRole, readPolicyFolder } from "./resolved_role.js";
import type { SerialFiles } from "./serial_line.js";
import type { PlanningContext } from "./supervision.js";
import { openImagesOf, openLineOf } from "./tenant_files.js";

/** Everything that adding a device needs before anything of it is made. The images are the caller's to close. */
export interface PreparedDevice extends AddedDevicePlan {
  readonly spec: VmSpec;
  readonly filter: Buffer;
  readonly inventory: ProgramInventory;
  readonly images: ReadonlyMap<string, OpenedFile>;
  /** What its serial port leads to, the caller's to close; empty for any other device. */
  readonly lines: SerialFiles;
}

/** The VM that a device is added to. */
export interface RunningVm {
  readonly planning: PlanningContext;
  readonly running: LaunchPlan;
  readonly spec: RecordedSpec;
}

/** The spec of a running VM: its positions are gone with the text. */
function specOf(recorded: RecordedSpec): VmSpec {
  const { source } = recorded;
  return { ...recorded, source: { ...source, locate: () => source.file } };
}

/**
 * Checks a device against its VM and the host file, opens and claims its images, reserves its uid, plans, and has its qcow2
 * images judged. As preparePlan does for a whole VM.
 */
export async function prepareDevice(vm: RunningVm, added: AddedDevice): Promise<PreparedDevice> {
  const { planning, running } = vm;
  const { device } = added;
  const spec = addDeviceToSpec(specOf(vm.spec), added);
  const { hostConfig, directories } = planning;
  checkAgainstHost(spec, hostConfig);
  const roles = await resolveRoles({ ...planning, spec }, readPolicyFolder(planning.policyFolder));
  const images = openImagesOf(device.id, { spec, hostConfig, claimIn: directories });
  try {
    const uid = reserveUid(directories, hostConfig.uids, { vm: spec.name, use: readUidUse() });
    const facts = new Map([...images].map(([key, file]) => [key, file.facts]));
    const known = inputsOf(planning, spec, roles);
    const labels = drawLabelsOfAdded({ ...known, directories }, running, device);
    const inputs = { ...known, identities: new Map([[device.id, { uid, gid: uid, labels }]]), images: facts };
    const planned = planAddedDevice(inputs, running, device);
    holdImages(directories, { vm: spec.name, processes: [planned.process] }, images);
    const judge = roles.get(IMAGE_JUDGE_ROLE);
    const plan = { ...planned.plan, judges: planned.judges };
    const request = { ...planning, spec };
    const virtualBytes = judge === undefined ? new Map() : await judgeImages({ request, plan, role: judge, images });
    const process = withJudgedFileSize(planned.process, device, { images: facts, virtualBytes });
    const processes = planned.plan.processes.map((one) => (one.id === process.id ? process : one));
    const role = roles.get(roleKey(device));
    if (role === undefined) throw new Error(`role ${device.role} was not resolved`);
    // Last, as at launch: a log that is absent is made, and what was refused before has made none.
    const lines = openLineOf(device.id, { spec, hostConfig, claimIn: directories });
    const bounded = { ...planned, process, plan: { ...planned.plan, processes } };
    return { ...bounded, spec, filter: role.filter, inventory: role.inputs.inventory, images, lines };
  } catch (error) {
    for (const { fd } of images.values()) closeSync(fd);
    throw error;
  }
}

/** What any plan of this VM is computed from now, but for the device that is new in it. */
function inputsOf(planning: PlanningContext, spec: VmSpec, roles: ReadonlyMap<string, ResolvedRole>): DevicePlanInputs {
  return {
    spec,
    hostConfig: planning.hostConfig,
    facts: probeHost({ skipKvm: true }),
    roles: new Map([...roles].map(([role, known]) => [role, known.inputs])),
    identities: new Map(),
    images: new Map(),
    bootFiles: null,
    rootsDirectory: rootsDirectory(planning.directories.cache),
  };
}
