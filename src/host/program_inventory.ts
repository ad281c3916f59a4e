import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { lstat, readdir, readlink, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { HostError } from "../errors/index.js";
import { INTERPRETER, listLibraries, TRUSTED_ENVIRONMENT } from "./library_closure.js";
import { resolveInSysroot } from "./sysroot_path.js";
import { requireTrustedSysroot } from "./sysroot_trust.js";

const run = promisify(execFile);

/** What a private root is made from: a program, everything its loader needs, and the data files of its role. */
export interface InventoryRequest {
  /** Where the program is installed; "/" for the host's own, another root for a second installation beside it. */
  readonly sysroot: string;
  /** Path of the program inside the sysroot. */
  readonly program: string;
  /** Further files inside the sysroot. */
  readonly files: readonly RequestedFile[];
  /** What reports call it. Default: the first line of the program's `--version`. */
  readonly version?: string;
}

export interface RequestedFile {
  /** `*` in the last component matches any name. */
  readonly path: string;
  /** False: an installation without it is an error. */
  readonly optional: boolean;
}

export interface InventoryFile {
  /** Path in the private root, and inside the sysroot. */
  readonly target: string;
  /** Path on the host, symbolic links resolved. */
  readonly source: string;
  /** Permission bits in the private root. */
  readonly mode: number;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** `dev:ino:size:mtime:ctime` of the source: while it is unchanged, so is the content. */
  readonly signature: string;
}

export interface ProgramInventory {
  readonly program: string;
  readonly sysroot: string;
  /** What reports call it. */
  readonly version: string;
  readonly files: readonly InventoryFile[];
  /** Symbolic links of the sysroot's top level that the files' paths need, as `/lib64` to `usr/lib64`. */
  readonly links: readonly { readonly target: string; readonly to: string }[];
  /** SHA-256 over targets, modes and contents; names the private root. */
  readonly sha256: string;
}

/**
 * Modes in the private root. The program may be executed but not read by the uid that runs it, so that the kernel keeps
 * the process undumpable after exec (would_dump() in fs/exec.c).
 */
const PROGRAM_MODE = 0o111;
const LOADER_MODE = 0o555;
const DATA_MODE = 0o444;

/** Shared objects that a program loads by itself: modules of QEMU, addons of Node. */
const LOADABLE = /\.(so|node)$/;

/**
 * Reads the installation once, hashes every file. Takes some 300 ms for QEMU; callers keep the result by signature. Throws
 * HostError "sysroot-untrusted", "program-file-missing", "library-missing" and "program-silent".
 */
export async function takeInventory(request: InventoryRequest): Promise<ProgramInventory> {
  await requireTrustedSysroot(request.sysroot, [request.program, INTERPRETER]);
  const extra = (await Promise.all(request.files.map((file) => expandPattern(request.sysroot, file)))).flat();
  const loadable = [request.program, ...extra.filter((path) => LOADABLE.test(path))];
  const libraries = await listLibraries(request.sysroot, loadable);
  const targets = [...new Set([request.program, ...libraries, ...extra])];
  await requireTrustedSysroot(request.sysroot, targets);
  const links = await topLevelLinks(request.sysroot, targets);
  const files = await Promise.all(targets.map((target) => describeFile(request, target)));
  files.sort((a, b) => (a.target < b.target ? -1 : 1));
  const content = JSON.stringify([files.map((file) => [file.target, file.mode, file.sha256]), links]);
  return {
    program: request.program,
    sysroot: request.sysroot,
    version: request.version ?? (await readVersion(request)),
    files,
    links,
    sha256: createHash("sha256").update(content).digest("hex"),
  };
}

/** Whether every source file is still the one that was hashed. Synchronous: sixty calls that wait for nothing cost 1 ms. */
export function isCurrent(inventory: ProgramInventory): boolean {
  return inventory.files.every((file) => {
    const facts = statSync(file.source, { bigint: true, throwIfNoEntry: false });
    return facts !== undefined && signatureOf(facts) === file.signature;
  });
}

async function expandPattern(sysroot: string, { path, optional }: RequestedFile): Promise<string[]> {
  const expression = new RegExp(`^${basename(path).split("*").map(escapeForRegExp).join(".*")}$`);
  const list = async () => readdir(await resolveInSysroot(sysroot, dirname(path)));
  const entries = await list().catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return [];
    throw missing(path, cause);
  });
  const found = entries.filter((entry) => expression.test(entry)).sort();
  if (found.length === 0 && !optional) throw missing(path);
  return found.map((entry) => join(dirname(path), entry));
}

function escapeForRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

function missing(path: string, cause?: NodeJS.ErrnoException): HostError {
  return new HostError({
    code: "program-file-missing",
    tried: `Cannot read ${path}, which the role needs in its private root`,
    subject: path,
    answer: cause === undefined ? "no such file" : (cause.code ?? String(cause)),
    remedy: "Install the package that provides it; bulkhead doctor lists them.",
    cause,
  });
}

/** The sysroot's own links at the top (`/lib64` on a merged-/usr system); everything below is copied by content. */
async function topLevelLinks(sysroot: string, targets: readonly string[]): Promise<{ target: string; to: string }[]> {
  const tops = [...new Set(targets.map((target) => `/${target.split("/")[1] ?? ""}`))].sort();
  const links: { target: string; to: string }[] = [];
  for (const top of tops) {
    const path = join(sysroot, top);
    if ((await lstat(path)).isSymbolicLink()) links.push({ target: top, to: (await readlink(path)).replace(/^\//, "") });
  }
  return links;
}

async function describeFile(request: InventoryRequest, target: string): Promise<InventoryFile> {
  const source = await resolveInSysroot(request.sysroot, target).catch((cause) => {
    throw missing(target, cause as NodeJS.ErrnoException);
  });
  const facts = await stat(source, { bigint: true });
  const isLoader = basename(target).startsWith("ld-linux");
  return {
    target,
    source,
    mode: target === request.program ? PROGRAM_MODE : isLoader ? LOADER_MODE : DATA_MODE,
    sizeBytes: Number(facts.size),
    sha256: await hashFile(source),
    signature: signatureOf(facts),
  };
}

export function signatureOf(facts: { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint; ctimeNs: bigint }): string {
  return [facts.dev, facts.ino, facts.size, facts.mtimeNs, facts.ctimeNs].join(":");
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest("hex");
}

async function readVersion(request: InventoryRequest): Promise<string> {
  const command = [request.program, "--version"];
  const [file, ...args] = request.sysroot === "/" ? command : ["chroot", request.sysroot, ...command];
  try {
    return (await run(file as string, args, { env: TRUSTED_ENVIRONMENT })).stdout.split("\n")[0] ?? "unknown";
  } catch (cause) {
    throw new HostError({
      code: "program-silent",
      tried: `Cannot ask ${request.program} for its version`,
      subject: request.program,
      answer: (cause as { stderr?: string }).stderr?.trim() || String(cause),
      remedy: "Reinstall QEMU: apt-get install qemu-system-x86",
      cause,
    });
  }
}
