import { closeSync } from "node:fs";
import { SpecError } from "../errors/index.js";
import { imageKey, imageLayers } from "../plan/index.js";
import type { HostConfig, VmSpec } from "../spec/index.js";
import type { Directories } from "../state/index.js";
import { type FileRequest, imageRootsOf, type OpenedFile, openTenantFile } from "./image.js";
import { claimFile } from "./image_claim.js";

/** Files of the tenant that are open from here on; closing them is the caller's. */
export interface TenantFiles {
  /** By imageKey(): each disk's own file and its backing files. */
  readonly images: ReadonlyMap<string, OpenedFile>;
  readonly kernel: OpenedFile | null;
  readonly initrd: OpenedFile | null;
  readonly serialLog: OpenedFile | null;
}

export function closeTenantFiles(files: TenantFiles): void {
  for (const file of [...files.images.values(), files.kernel, files.initrd, files.serialLog])
    if (file !== null) closeSync(file.fd);
}

export interface TenantFilesRequest {
  readonly spec: VmSpec;
  readonly hostConfig: HostConfig;
  /** Where other VMs of this host are on record; null: only looks, so that a VM that runs can be planned beside itself. */
  readonly claimIn: Directories | null;
}

/** What one file is to this VM. */
interface Use {
  readonly label: string;
  readonly request: FileRequest;
  file: OpenedFile;
}

/**
 * Opens every file that a VM file names, once; makes none: a serial log that is absent is made by makeSerialLog(), when nothing
 * can refuse the VM any more. Throws SpecError "image-*", "boot-too-large", and StateError "image-busy" for a file that somebody
 * else on this host writes; then none stays open.
 */
export function openTenantFiles(request: TenantFilesRequest): TenantFiles {
  const { spec, hostConfig, claimIn } = request;
  const roots = imageRootsOf(spec, hostConfig);
  const uses = new Map<string, Use>();
  const open: Open = (wanted, { key, label }) => {
    uses.set(key, { label, request: wanted, file: openTenantFile(wanted, spec.source.directory, roots) });
  };
  try {
    openImages(spec, open);
    openBoot(spec, open);
    const { serial } = spec.console;
    if (serial.kind === "file") ignoreAbsence(() => open({ ...logRequest(spec, serial.file), onlyIfPresent: true }, LOG));
    refuseSharedWrites([...uses.values()]);
    refuseLargeBoot(spec, [uses.get(KERNEL.key)?.file, uses.get(INITRD.key)?.file]);
    if (claimIn !== null) for (const use of uses.values()) use.file = claimFile(use.request, use.file, claimIn);
    return sortFiles(uses);
  } catch (error) {
    for (const { file } of uses.values()) closeSync(file.fd);
    throw error;
  }
}

/** The VM's files with its serial log, made now when it was absent. Throws as openTenantFiles(). */
export function makeSerialLog(request: TenantFilesRequest, files: TenantFiles): TenantFiles {
  const { spec, hostConfig, claimIn } = request;
  const { serial } = spec.console;
  if (serial.kind !== "file" || files.serialLog !== null || claimIn === null) return files;
  const wanted = logRequest(spec, serial.file);
  const log = openTenantFile(wanted, spec.source.directory, imageRootsOf(spec, hostConfig));
  try {
    return { ...files, serialLog: claimFile(wanted, log, claimIn) };
  } catch (error) {
    closeSync(log.fd);
    throw error;
  }
}

function logRequest({ source }: VmSpec, path: string): FileRequest {
  return { path, access: "append", position: () => source.locate(["console", "serial", "file"]) };
}

function ignoreAbsence(open: () => void): void {
  try {
    open();
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
    if (code !== "ENOENT") throw error;
  }
}

interface Place {
  readonly key: string;
  readonly label: string;
}
type Open = (wanted: FileRequest, place: Place) => void;

/** What is no image; image keys hold no colon. */
const KERNEL: Place = { key: "boot:kernel", label: "the kernel" };
const INITRD: Place = { key: "boot:initrd", label: "the initial RAM disk" };
const LOG: Place = { key: "console:serial", label: "the serial console" };

function openImages(spec: VmSpec, open: Open): void {
  spec.devices.forEach((device, index) => {
    imageLayers(device).forEach(({ file }, layer) => {
      const at = ["devices", index, "disk", ...Array<string>(layer).fill("backing"), "file"];
      const access = layer === 0 && device.disk?.readOnly === false ? "rw" : "r";
      const label = layer === 0 ? `"${device.id}"` : `"${device.id}" (backing file ${layer})`;
      open({ path: file, access, position: () => spec.source.locate(at) }, { key: imageKey(device.id, layer), label });
    });
  });
}

function openBoot(spec: VmSpec, open: Open): void {
  if (spec.boot?.kind !== "kernel") return;
  const { file, initrd } = spec.boot;
  const wanted = (path: string, key: string): FileRequest => {
    return { path, access: "r", position: () => spec.source.locate(["boot", "kernel", key]) };
  };
  open(wanted(file, "file"), KERNEL);
  if (initrd !== null) open(wanted(initrd, "initrd"), INITRD);
}

function sortFiles(uses: ReadonlyMap<string, Use>): TenantFiles {
  const others = [KERNEL.key, INITRD.key, LOG.key];
  const images = [...uses].filter(([key]) => !others.includes(key)).map(([key, use]) => [key, use.file] as const);
  const [kernel, initrd, serialLog] = others.map((key) => uses.get(key)?.file ?? null);
  return { images: new Map(images), kernel: kernel ?? null, initrd: initrd ?? null, serialLog: serialLog ?? null };
}

/** The VMM reads copies of both in host memory, which must not outgrow what the tenant was given. */
function refuseLargeBoot(spec: VmSpec, files: readonly (OpenedFile | undefined)[]): void {
  const sizes = files.flatMap((file) => (file === undefined ? [] : [file.sizeBytes]));
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

/** Two that use one file would corrupt it when one of them writes. By inode: one file may have two paths, one disk two nodes. */
function refuseSharedWrites(uses: readonly Use[]): void {
  const seen = new Map<string, Use>();
  for (const use of uses) {
    const { file, request } = use;
    const other = seen.get(file.identity);
    if (other !== undefined && (other.request.access !== "r" || request.access !== "r")) {
      throw new SpecError({
        code: "image-shared",
        tried: `${request.position()}: cannot give ${JSON.stringify(request.path)} to ${use.label}`,
        subject: request.path,
        answer: `${other.label} has it too, and one of them writes`,
        remedy: "Give each its own file, or say `readOnly: true` for all disks that share one.",
      });
    }
    seen.set(file.identity, use);
  }
}
