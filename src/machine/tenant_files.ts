import { closeSync } from "node:fs";
import { resolve } from "node:path";
import { SpecError } from "../errors/index.js";
import { imageKey, imageLayers } from "../plan/index.js";
import type { BootFile } from "../sandbox/index.js";
import type { HostConfig, VmSpec } from "../spec/index.js";
import type { Directories } from "../state/index.js";
import { type FileRequest, imageRootsOf, type OpenedFile, openTenantFile } from "./image.js";
import { claimFile } from "./image_claim.js";
import { endsOfLine, filesOfLine, joinLine, type SerialLine } from "./serial_line.js";

/** Files of the tenant that are open from here on; closing them is the caller's. */
export interface TenantFiles {
  /** By imageKey(): each disk's own file and its backing files. */
  readonly images: ReadonlyMap<string, OpenedFile>;
  readonly kernel: OpenedFile | null;
  readonly initrd: OpenedFile | null;
  readonly serialLog: OpenedFile | null;
  /** By device id, of those that are serial ports. */
  readonly serialLines: ReadonlyMap<string, SerialLine>;
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

/** One place of a VM file that names a file. */
interface Naming {
  readonly key: string;
  readonly label: string;
  readonly request: FileRequest;
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
  const keys = spec.devices
    .filter(({ id }) => id === device)
    .flatMap((own) => imageLayers(own).map((_, layer) => imageKey(device, layer)));
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
  const { spec, hostConfig, claimIn } = request;
  if (claimIn === null) return files;
  const made = new Map<string, OpenedFile>();
  const absent = nameSerialFiles(spec).filter(({ key, device }) =>
    key === LOG ? files.serialLog === null : !files.serialLines.has(device),
  );
  try {
    for (const { key, request: wanted } of absent) {
      const log = openTenantFile(wanted, spec.source.directory, imageRootsOf(spec, hostConfig));
      made.set(key, log);
      made.set(key, claimFile(wanted, log, claimIn));
    }
  } catch (error) {
    for (const log of made.values()) closeSync(log.fd);
    throw error;
  }
  const { serialLog, serialLines } = sortFiles(spec, made);
  return { ...files, serialLog: files.serialLog ?? serialLog, serialLines: new Map([...files.serialLines, ...serialLines]) };
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

/** What is no image; image keys hold no colon. */
const KERNEL = "boot:kernel";
const INITRD = "boot:initrd";
const LOG = "console:serial";

function nameImages(spec: VmSpec): Naming[] {
  return spec.devices.flatMap((device, index) =>
    imageLayers(device).map(({ file: path }, layer): Naming => {
      const at = ["devices", index, "disk", ...Array<string>(layer).fill("backing"), "file"];
      const access = layer === 0 && device.disk?.readOnly === false ? "rw" : "r";
      const label = layer === 0 ? `"${device.id}"` : `"${device.id}" (backing file ${layer})`;
      return { key: imageKey(device.id, layer), label, request: { path, access, position: () => spec.source.locate(at) } };
    }),
  );
}

function nameBootFiles(spec: VmSpec): Naming[] {
  if (spec.boot?.kind !== "kernel") return [];
  const { file, initrd } = spec.boot;
  const wanted = (path: string, key: string): FileRequest => {
    return { path, access: "r", position: () => spec.source.locate(["boot", "kernel", key]) };
  };
  const kernel = { key: KERNEL, label: "the kernel", request: wanted(file, "file") };
  if (initrd === null) return [kernel];
  return [kernel, { key: INITRD, label: "the initial RAM disk", request: wanted(initrd, "initrd") }];
}

/** The console's log first, then the ends of the lines of serial ports. */
function nameSerialFiles({ console, devices, source }: VmSpec): (Naming & { readonly device: string })[] {
  const at = (place: readonly (string | number)[]) => ({ position: () => source.locate(place) });
  const { serial } = console;
  const wanted = serial.kind === "file" ? [{ path: serial.file, access: "append", ...at(["console", "serial", "file"]) }] : [];
  const logs = wanted.map((request) => ({ key: LOG, device: "", label: "the serial console", request: request as FileRequest }));
  const lines = devices.flatMap((device, index) =>
    (device.serial === null ? [] : endsOfLine(device.serial)).map(({ end, path, access, key }) => ({
      key: lineKey(device.id, end),
      device: device.id,
      label: `"${device.id}"`,
      request: { path, access, ...at(["devices", index, "serial", key]) },
    })),
  );
  return [...logs, ...lines];
}

function lineKey(device: string, end: string): string {
  return `${device}:${end}`;
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
