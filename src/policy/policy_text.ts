import { isUtf8 } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PolicyError } from "../errors/index.js";
import type { RulePosition } from "../seccomp/index.js";
import { type KeyPath, parseYamlTree, wordPosition } from "../text/index.js";

/** Largest policy file, in bytes; the longest shipped one is under 20 KiB. */
const FILE_SIZE_MAX_BYTES = 128 * 1024;

/** A policy file as data, and where everything in it stands. */
export interface PolicyText {
  /** Relative to the policy folder: `roles/disk.yaml`. */
  readonly file: string;
  /** Undefined when the YAML is malformed; `syntaxProblems` says why. */
  readonly value: unknown;
  readonly syntaxProblems: readonly PolicyProblem[];
  positionOf(path: KeyPath): RulePosition;
}

export interface PolicyProblem {
  readonly position: RulePosition;
  readonly message: string;
}

/** Reads one file below the policy folder without following a link. Throws PolicyError "policy-unreadable". */
export function readPolicyText(folder: string, file: string): PolicyText {
  return parsePolicyText(file, readPolicySource(folder, file));
}

/** Parses the text of a policy file; never throws. */
export function parsePolicyText(file: string, text: string): PolicyText {
  const tree = parseYamlTree(text);
  const positionAt = (offset: number): RulePosition => {
    const [, line = "1", column = "1"] = /:(\d+):(\d+)$/.exec(wordPosition(file, text, offset)) ?? [];
    return { file, line: Number(line), column: Number(column) };
  };
  return {
    file,
    value: tree.problems.length > 0 ? undefined : tree.value,
    syntaxProblems: tree.problems.map(({ offset, message }) => ({ position: positionAt(offset), message })),
    positionOf: (path) => positionAt(tree.offsetOf(path)),
  };
}

/** The text of one file below the policy folder, read without following a link. Throws PolicyError "policy-unreadable". */
export function readPolicySource(folder: string, file: string): string {
  let fd: number | undefined;
  try {
    // Non-blocking: opening a FIFO without a writer would otherwise wait for ever.
    fd = openSync(join(folder, file), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const facts = fstatSync(fd);
    if (!facts.isFile()) throw new Error("not a regular file");
    if (facts.size > FILE_SIZE_MAX_BYTES) throw new Error(`${facts.size} bytes, more than ${FILE_SIZE_MAX_BYTES}`);
    const bytes = readFileSync(fd);
    if (!isUtf8(bytes)) throw new Error("not UTF-8");
    return bytes.toString("utf8");
  } catch (cause) {
    throw new PolicyError({
      code: "policy-unreadable",
      tried: `Cannot read the policy file ${join(folder, file)}`,
      subject: file,
      answer: cause instanceof Error ? cause.message : String(cause),
      remedy: "Role files lie in roles/ and sets in sets/ of the policy folder, as regular UTF-8 files.",
      cause,
    });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** How many problems one error names; the rest is counted. */
const PROBLEMS_SHOWN_MAX = 20;

/** One error for all problems, by file and position. Code "policy-invalid". */
export function invalidPolicy(role: string, problems: readonly PolicyProblem[]): PolicyError {
  const lines = problems
    .slice(0, PROBLEMS_SHOWN_MAX)
    .map(({ position: { file, line, column }, message }) => `${file}:${line}:${column}: ${message}`);
  const hidden = problems.length - lines.length;
  if (hidden > 0) lines.push(`and ${hidden} more problem${hidden === 1 ? "" : "s"}`);
  return new PolicyError({ code: "policy-invalid", tried: lines.join("\n"), subject: role });
}
