import { createHash, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { SeccompError } from "../errors/index.js";
import { findLibseccomp } from "../kernel/index.js";
import { encodeAction } from "./action.js";
import { readProgram } from "./bpf_program.js";
import type { ChosenProgram, GeneratorChoice, ProgramRequest } from "./choose_program.js";
import { combinePhases } from "./phases.js";
import type { ArgumentCheck } from "./rule.js";
import { SYSCALL_NUMBERS } from "./syscall_numbers.js";

export interface FilterRequest extends ProgramRequest {
  /** Made when absent, mode 0700. It and its files must belong to this user and be writable by nobody else. */
  readonly cacheDirectory: string;
}

/** Changes whenever the meaning of a key or the layout of an entry does. */
const FORMAT = 3;
/** An entry is a digest, the length of the choice, the choice as JSON, and the program. */
const DIGEST_BYTES = 32;
const LENGTH_BYTES = 4;

/**
 * The policy's filter, from the cache when the same libseccomp compiled the same rules before; ffi-napi is then not loaded.
 * An entry that does not match its own hash is compiled anew. Throws as chooseProgram does, and SeccompError "cache-untrusted".
 */
export async function compiledFilter(request: FilterRequest): Promise<ChosenProgram> {
  const key = filterKey(request);
  await requirePrivate(request.cacheDirectory);
  const path = join(request.cacheDirectory, `${key}.bpf`);
  const cached = await readEntry(path, key);
  if (cached !== undefined) return cached;
  const { chooseProgram } = await import("./choose_program.js");
  const program = chooseProgram(request);
  const content = writeContent(program);
  await writeEntry(path, Buffer.concat([entryDigest(key, content), content]));
  return program;
}

/** SHA-256 over what decides the program: rules without their prose, the selected phases, the compiler, what is hot. Hex. */
export function filterKey({ policy, phases, frequencies }: ProgramRequest): string {
  const filter = combinePhases(policy, phases);
  const rules = filter.rules
    .map((rule) => JSON.stringify([SYSCALL_NUMBERS.get(rule.syscall), encodeAction(rule.action), rule.checks.map(normalCheck)]))
    .sort();
  const calls = (frequencies ?? []).map(({ syscall, args, count }) => [syscall, args.map(String), count]);
  const content = JSON.stringify([FORMAT, findLibseccomp().identity, encodeAction(filter.otherwise), rules, calls]);
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
async function readEntry(path: string, key: string): Promise<ChosenProgram | undefined> {
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
  const content = entry.subarray(DIGEST_BYTES);
  if (content.length === 0 || !entry.subarray(0, DIGEST_BYTES).equals(entryDigest(key, content))) return undefined;
  return readContent(content);
}

function writeContent({ bytes, choice }: ChosenProgram): Buffer {
  const words = Buffer.from(JSON.stringify(choice));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(words.length);
  return Buffer.concat([length, words, bytes]);
}

/** The inverse; the digest has vouched for the content. */
function readContent(content: Buffer): ChosenProgram {
  const end = LENGTH_BYTES + content.readUInt32LE();
  const choice = JSON.parse(content.subarray(LENGTH_BYTES, end).toString("utf8")) as GeneratorChoice;
  return { ...readProgram(content.subarray(end)), choice };
}

/** The key is part of the hash, so that an entry under another name is not taken for its own. */
function entryDigest(key: string, content: Buffer): Buffer {
  return createHash("sha256").update(key).update(content).digest();
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
