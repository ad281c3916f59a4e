import { type Stats, statSync } from "node:fs";
import { lstat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { SpecError } from "../errors/index.js";
import { printable } from "../text/index.js";
import { checkFile, lazySource, type ResultStore, type TextOrigin } from "./file_check.js";
import { readFileText } from "./file_text.js";
import type { HostConfig } from "./host_config.js";
import { findBrokenHostRules } from "./host_rules.js";
import { type HostFile, hostSchema } from "./host_schema.js";
import { parseRange } from "./range.js";
import { parseSize } from "./size.js";
import type { SpecSource } from "./vm_spec.js";

/** The host file that is read when none is named. */
export const DEFAULT_HOST_FILE = "/etc/bulkhead/host.yaml";

/** S_IWGRP | S_IWOTH: include/uapi/linux/stat.h. */
const WRITABLE_BY_OTHERS = 0o022;

/**
 * Reads and checks the host file. Without a name: /etc/bulkhead/host.yaml, or the built-in configuration when that does not exist.
 * Throws SpecError: "spec-unreadable", "host-file-untrusted" (not root's alone), or "spec-invalid". Format: docs/vm-file.md.
 */
export async function readHostFile(file?: string, store?: ResultStore): Promise<HostConfig> {
  if (file === undefined) return readHostFileIfPresent(DEFAULT_HOST_FILE, store);
  const text = await readFileText({
    file,
    title: "host file",
    inspect: (stats, realPath) => requireTrusted(file, stats, realPath),
  });
  const origin = { file, directory: dirname(resolve(file)) };
  const kept = store?.get("host-file", text) as Omit<HostConfig, "source"> | undefined;
  if (kept !== undefined) return { ...kept, source: lazySource(text, origin) };
  const { source, ...checked } = parseHostText(text, origin);
  store?.put("host-file", text, checked);
  return { ...checked, source };
}

/** The host file, or the built-in configuration when there is no directory entry of this name. */
export async function readHostFileIfPresent(file: string, store?: ResultStore): Promise<HostConfig> {
  // lstat, not open: a symbolic link that leads nowhere is a broken host file. To take it for an absent one would drop its floor.
  const absent = await lstat(file).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === "ENOENT",
  );
  return absent ? keptBuiltIn(store) : readHostFile(file, store);
}

/** The built-in configuration is the schema's defaults, and a schema takes its package to be read. */
function keptBuiltIn(store: ResultStore | undefined): HostConfig {
  const kept = store?.get("host-file", BUILT_IN) as HostConfig | undefined;
  if (kept !== undefined) return kept;
  const config = builtInHostConfig();
  store?.put("host-file", BUILT_IN, config);
  return config;
}

/** Stands for the configuration without a file; no file's text, for it would be refused. */
const BUILT_IN = "built-in";

/** Checks the text of a host file. Throws SpecError "spec-invalid", and nothing else whatever the text is. */
export function parseHostText(text: string, origin: TextOrigin): HostConfig {
  const kind = { schema: hostSchema(), findBrokenRules: findBrokenHostRules, example: "taps: [tap0]" };
  const { data, source } = checkFile<HostFile>(text, origin, kind);
  return toHostConfig(data, source);
}

/** What holds on a host without a host file. */
export function builtInHostConfig(): HostConfig {
  return toHostConfig(hostSchema().parse({}), null);
}

function toHostConfig(host: HostFile, source: SpecSource | null): HostConfig {
  const memoryPerVmBytes = parseSize(host.limits.memoryPerVm);
  if (memoryPerVmBytes === undefined) throw new TypeError(`size ${host.limits.memoryPerVm} passed the rules and is not exact`);
  return {
    require: [...new Set(host.require)],
    imageRoots: host.imageRoots ?? null,
    taps: host.taps,
    uids: parseRange(host.uids),
    categories: parseRange(host.categories),
    limits: { memoryPerVmBytes, processesPerVm: host.limits.processesPerVm },
    qemu: host.qemu,
    hotPlug: host.hotPlug,
    programs: host.programs.map((program) => ({ ...program, interpreter: program.interpreter ?? null })),
    source,
  };
}

/** Whoever can write this file, or put another in its place, can lift every limit in it. */
function requireTrusted(file: string, stats: Stats, realPath: string): void {
  const own = untrustedBy(stats, { sticky: false });
  if (own !== null)
    throw untrusted(file, own, `Check its content, then run: chown root ${printable(file)} && chmod go-w ${printable(file)}`);
  // By the name that was given and, where that is a link, by that of what it leads to.
  for (const path of new Set([resolve(file), realPath])) {
    for (const directory of ancestorsOf(path)) {
      const why = untrustedBy(statSync(directory), { sticky: true });
      if (why === null) continue;
      const answer = `others can put another in its place, for of its directory ${printable(directory)}: ${why}`;
      throw untrusted(file, answer, "Move it to a directory of root's, such as /etc/bulkhead.");
    }
  }
}

function ancestorsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [parent, ...ancestorsOf(parent)];
}

/** S_ISVTX: in a sticky directory nobody but root can rename or remove what root owns. */
const STICKY = 0o1000;

function untrustedBy(stats: Stats, { sticky }: { readonly sticky: boolean }): string | null {
  if (stats.uid !== 0) return `it belongs to uid ${stats.uid}, not to root`;
  const guarded = sticky && (stats.mode & STICKY) !== 0;
  return (stats.mode & WRITABLE_BY_OTHERS) === 0 || guarded
    ? null
    : `its mode ${(stats.mode & 0o7777).toString(8)} lets others write it`;
}

function untrusted(file: string, answer: string, remedy: string): SpecError {
  return new SpecError({
    code: "host-file-untrusted",
    tried: `Cannot trust the host file "${printable(file)}"`,
    subject: file,
    answer,
    remedy,
  });
}
