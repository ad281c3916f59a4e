import { createHash, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { SeccompError } from "../errors/index.js";
import { findLibseccomp } from "../kernel/index.js";
import { encodeAction } from "./action.js";
import { type BpfProgram, readProgram } from "./bpf_program.js";
import { combinePhases, type PhaseSelection } from "./phases.js";
import type { ArgumentCheck, SeccompPolicy } from "./rule.js";
import { SYSCALL_NUMBERS } from "./syscall_numbers.js";

export interface FilterRequest {
  readonly policy: SeccompPolicy;
  readonly phases: PhaseSelection;
  /** Made when absent, mode 0700. It and its files must belong to this user and be writable by nobody else. */
  readonly cacheDirectory: string;
}

/** Changes whenever the meaning of a key or the layout of an entry does. */
const FORMAT = 2;
const DIGEST_BYTES = 32;

/**
 * The policy's filter, from the cache when the same libseccomp compiled the same rules before; ffi-napi is then not loaded.
 * An entry that does not match its own hash is compiled anew. Throws as compileWithLibseccomp does, and SeccompError
 * "cache-untrusted".
 */
export async function compiledFilter(request: FilterRequest): Promise<BpfProgram> {
  const key = filterKey(request);
  await requirePrivate(request.cacheDirectory);
  const path = join(request.cacheDirectory, `${key}.bpf`);
  const cached = await readEntry(path, key);
  if (cached !== undefined) return cached;
  const { compileWithLibseccomp } = await import("./compile_libseccomp.js");
  const program = compileWithLibseccomp(request.policy, { phases: request.phases });
  await writeEntry(path, Buffer.concat([entryDigest(key, program.bytes), program.bytes]));
  return program;
}

/** SHA-256 over what decides the program: rules without their prose, the selected phases, the compiler. Hex. */
export function filterKey({ policy, phases }: Pick<FilterRequest, "policy" | "phases">): string {
  const filter = combinePhases(policy, phases);
  const rules = filter.rules
    .map((rule) => JSON.stringify([SYSCALL_NUMBERS.get(rule.syscall), encodeAction(rule.action), rule.checks.map(normalCheck)]))
    .sort();
  const content = JSON.stringify([FORMAT, findLibseccomp().identity, encodeAction(filter.otherwise), rules]);
  return createHash("sha256").update(content).digest("hex");
}

function normalCheck(check: ArgumentCheck): unknown {
  const operands = "values" in check ? check.values : "mask" in check ? [check.mask, check.value] : [check.value];
  return [check.index, check.width, check.op, operands.map(String)];
}

async function requirePrivate(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const handle = await open(directory, constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const { uid, mode } = await handle.stat();
    if (uid === process.geteuid?.() && (mode & 0o022) === 0) return;
    throw new SeccompError({
      code: "cache-untrusted",
      tried: `Cannot use the filter cache ${directory}`,
      subject: directory,
      answer: `it belongs to uid ${uid} with mode 0${(mode & 0o7777).toString(8)}, so others could put filters there`,
      remedy: `Run: rm -r ${directory}`,
    });
  } finally {
    await handle.close();
  }
}

/** The program of an entry; undefined when there is none or it is damaged. */
async function readEntry(path: string, key: string): Promise<BpfProgram | undefined> {
  let entry: Buffer;
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      entry = await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const bytes = entry.subarray(DIGEST_BYTES);
  if (bytes.length === 0 || !entry.subarray(0, DIGEST_BYTES).equals(entryDigest(key, bytes))) return undefined;
  return readProgram(bytes);
}

/** The key is part of the hash, so that an entry under another name is not taken for its own. */
function entryDigest(key: string, bytes: Buffer): Buffer {
  return createHash("sha256").update(key).update(bytes).digest();
}

/** Written aside and renamed: a reader sees the old entry or the whole new one, and two writers write the same. */
async function writeEntry(path: string, entry: Buffer): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    const handle = await open(aside, "wx", 0o600);
    try {
      await handle.writeFile(entry);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}
