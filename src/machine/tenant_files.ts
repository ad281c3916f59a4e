import { closeSync } from "node:fs";
import { resolve } from "node:path";
import { SpecError } from "../errors/index.js";
import { imageFiles } from "../plan/index.js";
import type { BootFile } from "../sandbox/index.js";
import type { HostConfig, VmSpec } from "../spec/index.js";
import type { Directories } from "../state/index.js";
import { INITRD, KERNEL, LOG, lineKey, type Naming, nameBootFiles, nameImages, nameSerialFiles } from "./file_naming.js";
import { imageRootsOf, type OpenedFile, openTenantFile } from "./image.js";
import { claimFile } from "./image_claim.js";
import { filesOfLine, joinLine, type SerialFiles } from "./serial_line.js";

/** Files of the tenant that are open from here on; closing them is the caller's. */
export interface TenantFiles extends SerialFiles {
  /** By ImageFile.key: each disk's own file, its backing files, and the data files of these. */
  readonly images: ReadonlyMap<string, OpenedFile>;
  readonly kernel: OpenedFile | null;
  readonly initrd: OpenedFile | null;
}

/** Closes all but those fds that another has taken over. */
export function closeTenantFiles(files: TenantFiles, takenOver: ReadonlySet<number> = new Set()): void {
  const lines = [...files.serialLines.values()].flatMap(filesOfLine);
  for (const file of [...files.images.values(), files.kernel, files.initrd, files.serialLog, ...lines])
    if (file !== null && !takenOver.has(file.fd)) closeSync(file.fd);
}

/** What the VMM finds in /boot: KERNEL_PATH and INITRD_PATH of the plan. */
export function bootFilesOf(files: TenantFiles): BootFile[] {
  const named = [
    { name: "kernel", file: files.kernel },
    { name: "initrd", file: files.initrd },
  ];
  return named.flatMap(({ name, file }) => (file === null ? [] : [{ name, fd: file.fd, sizeBytes: file.sizeBytes }]));
}

export interface TenantFilesRequest {
  readonly spec: VmSpec;
  readonly hostConfig: HostConfig;
  /** Where other VMs of this host are on record; null: only looks, so that a VM that runs can be planned beside itself. */
  readonly claimIn: Directories | null;
}

/** What one file is to this VM. */
interface Use extends Naming {
  file: OpenedFile;
}

/**
 * Opens every file that a VM file names, once; makes none: a serial log that is absent is made by makeSerialLogs(), when nothing
 * can refuse the VM any more. Throws SpecError "image-*", "boot-too-large", and StateError "image-busy" for a file that somebody
 * else on this host writes; then none stays open.
 */
export function openTenantFiles(request: TenantFilesRequest): TenantFiles {
  const { spec, hostConfig, claimIn } = request;
  const roots = imageRootsOf(spec, hostConfig);
  const uses = new Map<string, Use>();
  const open = (naming: Naming): void => {
    uses.set(naming.key, { ...naming, file: openTenantFile(naming.request, spec.source.directory, roots) });
  };
  try {
    for (const naming of [...nameImages(spec), ...nameBootFiles(spec)]) open(naming);
    const serial = nameSerialFiles(spec);
    for (const naming of serial) openIfPresent(naming, open);
    const absent = serial.filter(({ key }) => !uses.has(key));
    const identities = [...uses.values()].map((use) => ({ naming: use as Naming, identity: use.file.identity }));
    // What does not exist has no other name than its path.
    const paths = absent.map((naming) => ({ naming, identity: resolve(spec.source.directory, naming.request.path) }));
    refuseSharedWrites([...identities, ...paths]);
    refuseLargeBoot(spec, [uses.get(KERNEL)?.file, uses.get(INITRD)?.file]);
    if (claimIn !== null) for (const use of uses.values()) use.file = claimFile(use.request, use.file, claimIn);
    return sortFiles(spec, new Map([...uses].map(([key, use]) => [key, use.file])));
  } catch (error) {
    for (const { file } of uses.values()) closeSync(file.fd);
    throw error;
  }
}

/**
 * Opens and claims the images of one device of `spec`, which is to be added to a VM that runs: its other devices hold claims on
 * theirs. By imageKey(). Throws as openTenantFiles(); then none stays open.
 */
export function openImagesOf(device: string, { spec, hostConfig, claimIn }: TenantFilesRequest): Map<string, OpenedFile> {
  const keys = spec.devices.filter(({ id }) => id === device).flatMap((own) => imageFiles(own).map(({ key }) => key));
  const images = new Map<string, Use>();
  try {
    for (const naming of nameImages(spec).filter(({ key }) => keys.includes(key))) {
      const file = openTenantFile(naming.request, spec.source.directory, imageRootsOf(spec, hostConfig));
      images.set(naming.key, { ...naming, file });
    }
    refuseSharedWrites([...images.values()].map((use) => ({ naming: use, identity: use.file.identity })));
    if (claimIn !== null) for (const use of images.values()) use.file = claimFile(use.request, use.file, claimIn);
    return new Map([...images].map(([key, { file }]) => [key, file]));
  } catch (error) {
    for (const { file } of images.values()) closeSync(file.fd);
    throw error;
  }
}

/** The VM's files with its serial logs, made now where they were absent. Throws as openTenantFiles(); none of its own stays open. */
export function makeSerialLogs(request: TenantFilesRequest, files: TenantFiles): TenantFiles {
  const { spec, claimIn } = request;
  if (claimIn === null) return files;
  const absent = nameSerialFiles(spec).filter(({ key, device }) =>
    key === LOG ? files.serialLog === null : !files.serialLines.has(device),
  );
  const { serialLog, serialLines } = sortFiles(spec, openClaimed(absent, request));
  return { ...files, serialLog: files.serialLog ?? serialLog, serialLines: new Map([...files.serialLines, ...serialLines]) };
}

/** Opens and claims what the serial port of a device leads to that is to be added; a log that is absent is made. Throws as above. */
export function openLineOf(device: string, request: TenantFilesRequest): SerialFiles {
  const named = nameSerialFiles(request.spec).filter((naming) => naming.device === device);
  return sortFiles(request.spec, openClaimed(named, request));
}

function openClaimed(named: readonly Naming[], { spec, hostConfig, claimIn }: TenantFilesRequest): Map<string, OpenedFile> {
  const opened = new Map<string, OpenedFile>();
  try {
    for (const { key, request } of named) {
      const file = openTenantFile(request, spec.source.directory, imageRootsOf(spec, hostConfig));
      opened.set(key, file);
      if (claimIn !== null) opened.set(key, claimFile(request, file, claimIn));
    }
    return opened;
  } catch (error) {
    for (const { fd } of opened.values()) closeSync(fd);
    throw error;
  }
}

/** Leaves a log out that is not there. */
function openIfPresent(naming: Naming, open: (naming: Naming) => void): void {
  try {
    open({ ...naming, request: { ...naming.request, onlyIfPresent: true } });
  } catch (error) {
    const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
    if (naming.request.access !== "append" || code !== "ENOENT") throw error;
  }
}

function sortFiles({ devices }: VmSpec, files: ReadonlyMap<string, OpenedFile>): TenantFiles {
  const lines = devices.flatMap(({ id }) => {
    const line = joinLine((end) => files.get(lineKey(id, end)));
    return line === null ? [] : [[id, line] as const];
  });
  return {
    images: new Map([...files].filter(([key]) => !key.includes(":"))),
    kernel: files.get(KERNEL) ?? null,
    initrd: files.get(INITRD) ?? null,
    serialLog: files.get(LOG) ?? null,
    serialLines: new Map(lines),
  };
}

/**
 * Largest kernel and initrd together, in bytes: ten times what distributions ship. The launcher copies both into memory that no
 * limit of the VM counts, and a file with holes costs a tenant nothing.
 */
const BOOT_FILES_MAX_BYTES = 512 * 1024 * 1024;

/** The VMM reads copies of both in host memory, which must not outgrow what the tenant was given. */
function refuseLargeBoot(spec: VmSpec, files: readonly (OpenedFile | undefined)[]): void {
  const sizes = files.flatMap((file) => (file === undefined ? [] : [file.sizeBytes]));
  const sumBytes = sizes.reduce((sum, sizeBytes) => sum + sizeBytes, 0);
  const { memoryBytes } = spec.machine;
  if (spec.boot?.kind !== "kernel" || sumBytes <= Math.min(memoryBytes, BOOT_FILES_MAX_BYTES)) return;
  const bound =
    sumBytes > memoryBytes
      ? `the guest has ${memoryBytes} bytes of memory`
      : `${BOOT_FILES_MAX_BYTES} are the most that a launch copies for its VMM`;
  throw new SpecError({
    code: "boot-too-large",
    tried: `${spec.source.locate(["boot", "kernel", "file"])}: cannot boot ${JSON.stringify(spec.boot.file)}`,
    subject: spec.boot.file,
    answer: `kernel and initrd have ${sizes.join(" + ")} bytes, ${bound}`,
    remedy: "Name smaller files, or give the machine more memory where that is less.",
  });
}

/** Two that use one file would corrupt it when one of them writes. By inode: one file may have two paths, one disk two nodes. */
function refuseSharedWrites(named: readonly { readonly naming: Naming; readonly identity: string }[]): void {
  const seen = new Map<string, Naming>();
  for (const { naming, identity } of named) {
    const { request, label } = naming;
    const other = seen.get(identity);
    if (other !== undefined && (other.request.access !== "r" || request.access !== "r")) {
      throw new SpecError({
        code: "image-shared",
        tried: `${request.position()}: cannot give ${JSON.stringify(request.path)} to ${label}`,
        subject: request.path,
        answer: `${other.label} has it too, and one of them writes`,
        remedy: "Give each its own file, or say `readOnly: true` for all disks that share one.",
      });
    }
    seen.set(identity, naming);
  }
}
