import { closeSync } from "node:fs";
import { SpecError } from "../errors/index.js";
import { type HostFacts, type ProgramInventory, probeHost } from "../host/index.js";
import { type Identity, type LaunchPlan, planLaunch } from "../plan/index.js";
import { type BootFile, rootsDirectory } from "../sandbox/index.js";
import { checkAgainstHost, type HostConfig, type QemuInstallation, VMM_ID, type VmSpec } from "../spec/index.js";
import { type Directories, drawUid, readUidUse, reserveUid } from "../state/index.js";
import { type FileRequest, imageRootsOf, type OpenedFile, openTenantFile } from "./image.js";
import { resolveLauncher } from "./prepare_launcher.js";
import { type PolicyFolder, type ResolvedRole, readPolicyFolder, resolveRole } from "./resolved_role.js";
import { openSerialFiles, type SerialFiles, serialFilesOf } from "./serial_line.js";

export interface PlanRequest {
  readonly spec: VmSpec;
  readonly hostConfig: HostConfig;
  readonly directories: Directories;
  /** Folder of role policies. */
  readonly policyFolder: string;
  readonly qemu: QemuInstallation;
  /** Plan models that their roles do not list, for a trial that runs no guest. Default: they are refused. */
  readonly anyModel?: boolean;
}

/** Files of the tenant that are open from here on; closing them is the caller's. */
export interface TenantFiles extends SerialFiles {
  readonly images: ReadonlyMap<string, OpenedFile>;
  readonly kernel: OpenedFile | null;
  readonly initrd: OpenedFile | null;
}

export interface PreparedPlan {
  readonly plan: LaunchPlan;
  readonly facts: HostFacts;
  readonly files: TenantFiles;
  /** By role: the array of struct sock_filter. */
  readonly filters: ReadonlyMap<string, Buffer>;
  readonly inventories: ReadonlyMap<string, ProgramInventory>;
  /** Likewise, for the launcher itself. */
  readonly launcherFilter: Buffer;
}

/** Closes all but those fds that another has taken over. */
export function closeTenantFiles(files: TenantFiles, takenOver: ReadonlySet<number> = new Set()): void {
  for (const file of [...files.images.values(), files.kernel, files.initrd, ...serialFilesOf(files)])
    if (file !== null && !takenOver.has(file.fd)) closeSync(file.fd);
}

/** Names in /boot: KERNEL_PATH and INITRD_PATH of the plan. */
export function bootFilesOf(files: TenantFiles): BootFile[] {
  const named = [
    { name: "kernel", file: files.kernel },
    { name: "initrd", file: files.initrd },
  ];
  return named.flatMap(({ name, file }) => (file === null ? [] : [{ name, fd: file.fd, sizeBytes: file.sizeBytes }]));
}

/**
 * Steps 1 to 5 of a launch: checks the VM file against the host file, probes the host, resolves the policies, reserves the
 * uids, opens the tenant's files and plans. `onReserved` records the uids before anything else can fail; null: nothing is
 * reserved, and the uids of the plan are only drawn.
 */
export async function preparePlan(request: PlanRequest, onReserved: OnReserved | null): Promise<PreparedPlan> {
  const { spec, hostConfig } = request;
  checkAgainstHost(spec, hostConfig);
  const facts = probeHost({ skipKvm: spec.machine.accel === "tcg" });
  const folder = readPolicyFolder(request.policyFolder);
  const roles = await resolveRoles(request, folder);
  const launcher = await resolveLauncher(request, folder);
  const files = openTenantFiles(spec, hostConfig);
  try {
    const identities = drawIdentities(request, onReserved);
    const plan = planLaunch({
      spec,
      hostConfig,
      facts,
      roles: new Map([...roles].map(([role, known]) => [role, known.inputs])),
      identities,
      images: new Map([...files.images].map(([id, file]) => [id, file.facts])),
      bootFiles: files.kernel === null ? null : { kernel: files.kernel.facts.path, initrd: files.initrd?.facts.path ?? null },
      launcher: launcher.inputs,
      rootsDirectory: rootsDirectory(request.directories.cache),
    });
    return {
      plan,
      facts,
      files,
      filters: new Map([...roles].map(([role, known]) => [role, known.filter])),
      inventories: new Map([...roles].map(([role, known]) => [role, known.inputs.inventory])),
      launcherFilter: launcher.filter,
    };
  } catch (error) {
    closeTenantFiles(files);
    throw error;
  }
}

type OnReserved = (uids: readonly number[]) => void;

/** A plan to look at: its uids are drawn as a launch's would be, and stay free; its files are closed. */
export async function previewPlan(request: PlanRequest): Promise<LaunchPlan> {
  const prepared = await preparePlan(request, null);
  closeTenantFiles(prepared.files);
  return prepared.plan;
}

async function resolveRoles(request: PlanRequest, folder: PolicyFolder): Promise<Map<string, ResolvedRole>> {
  const roles = new Map<string, ResolvedRole>();
  const names = [...new Set(request.spec.devices.map((device) => device.role)), VMM_ID];
  for (const role of names) roles.set(role, await resolveRole(request, role, folder));
  if (request.anyModel !== true) await requireModels(request, roles);
  return roles;
}

async function requireModels({ spec, policyFolder }: PlanRequest, roles: ReadonlyMap<string, ResolvedRole>): Promise<void> {
  for (const [index, device] of spec.devices.entries()) {
    const policy = roles.get(device.role)?.inputs.policy;
    if (policy === undefined || policy.models.includes(device.model)) continue;
    const { requireRoleOfModel, rolesOfModel } = await import("../policy/index.js");
    const position = spec.source.locate(["devices", index, "model"]);
    requireRoleOfModel(policy, { model: device.model, position, homes: rolesOfModel(policyFolder, device.model) });
  }
}

function openTenantFiles(spec: VmSpec, hostConfig: HostConfig): TenantFiles {
  const roots = imageRootsOf(spec, hostConfig);
  const images = new Map<string, OpenedFile>();
  const opened: OpenedFile[] = [];
  const open = (path: string, access: FileRequest["access"], key: readonly (string | number)[]): OpenedFile => {
    const file = openTenantFile({ path, access, position: () => spec.source.locate(key) }, spec.source.directory, roots);
    opened.push(file);
    return file;
  };
  try {
    spec.devices.forEach((device, index) => {
      if (device.disk === null) return;
      images.set(device.id, open(device.disk.file, device.disk.readOnly ? "r" : "rw", ["devices", index, "disk", "file"]));
    });
    refuseSharedWrites(spec, images);
    const boot = spec.boot?.kind === "kernel" ? spec.boot : null;
    const kernel = boot === null ? null : open(boot.file, "r", ["boot", "kernel", "file"]);
    const initrd = boot === null || boot.initrd === null ? null : open(boot.initrd, "r", ["boot", "kernel", "initrd"]);
    refuseLargeBoot(spec, [kernel, initrd]);
    return { images, kernel, initrd, ...openSerialFiles(spec, open) };
  } catch (error) {
    for (const file of opened) closeSync(file.fd);
    throw error;
  }
}

/** The VMM reads copies of both in host memory, which must not outgrow what the tenant was given. */
function refuseLargeBoot(spec: VmSpec, files: readonly (OpenedFile | null)[]): void {
  const sizes = files.flatMap((file) => (file === null ? [] : [file.sizeBytes]));
  const sumBytes = sizes.reduce((sum, sizeBytes) => sum + sizeBytes, 0);
  const { memoryBytes } = spec.machine;
  if (sumBytes <= memoryBytes || spec.boot?.kind !== "kernel") return;
  throw new SpecError({
    code: "boot-too-large",
    tried: `${spec.source.locate(["boot", "kernel", "file"])}: cannot boot ${JSON.stringify(spec.boot.file)}`,
    subject: spec.boot.file,
    answer: `kernel and initrd have ${sizes.join(" + ")} bytes, the guest has ${memoryBytes} bytes of memory`,
    remedy: "Give the machine more memory, or name smaller files.",
  });
}

/** Two device processes with one image would corrupt it; QEMU's own lock would say so only after they were started. */
function refuseSharedWrites(spec: VmSpec, images: ReadonlyMap<string, OpenedFile>): void {
  const seen = new Map<string, { id: string; readOnly: boolean }>();
  spec.devices.forEach((device, index) => {
    const image = images.get(device.id);
    if (image === undefined || device.disk === null) return;
    const other = seen.get(image.facts.path);
    if (other !== undefined && !(other.readOnly && device.disk.readOnly)) {
      throw new SpecError({
        code: "image-shared",
        tried: `${spec.source.locate(["devices", index, "disk", "file"])}: cannot give ${JSON.stringify(device.disk.file)} to "${device.id}"`,
        subject: device.disk.file,
        answer: `"${other.id}" has it too, and one of them writes`,
        remedy: "Give each device an image of its own, or say `readOnly: true` for both.",
      });
    }
    seen.set(image.facts.path, { id: device.id, readOnly: device.disk.readOnly });
  });
}

function drawIdentities(request: PlanRequest, onReserved: OnReserved | null): Map<string, Identity> {
  const owner = { vm: request.spec.name, use: readUidUse() };
  const { uids: range } = request.hostConfig;
  const uids: number[] = [];
  const identities = new Map<string, Identity>();
  for (const id of [...request.spec.devices.map((device) => device.id), VMM_ID]) {
    const uid =
      onReserved === null
        ? drawUid(range, owner, (drawn) => !uids.includes(drawn))
        : reserveUid(request.directories, range, owner);
    uids.push(uid);
    onReserved?.([...uids]);
    identities.set(id, { uid, gid: uid });
  }
  return identities;
}
