import { type Problem, parseYamlTree, quoteValue, wordPosition, type YamlTree } from "../text/index.js";
import { findForbiddenText } from "./file_text.js";
import { invalidFile } from "./problem.js";
import { wordIssues } from "./schema_check.js";
import type { SpecSource } from "./vm_spec.js";

/** Where a text came from. */
export interface TextOrigin {
  /** As the user named it, for messages; `-` for standard input. */
  readonly file: string;
  /** Absolute directory that relative paths of the file start from. */
  readonly directory: string;
}

export interface FileKind<Data> {
  /** The zod schema of the whole file. */
  readonly schema: { safeParse(value: unknown): SafeResult<Data> };
  /** What keys say together. Called with trees of any shape: it looks at the parts that are sound. */
  readonly findBrokenRules: (tree: YamlTree) => Problem[];
  /** First line of such a file, shown when a file holds something else. */
  readonly example: string;
}

type SafeResult<Data> =
  | { readonly success: true; readonly data: Data }
  | { readonly success: false; readonly error: { readonly issues: Parameters<typeof wordIssues>[1] } };

/**
 * Keeps results of checks by the text they were computed from: a launch reads the same files again and again, and the
 * packages that parse and check them take longer to load than a device process to start.
 */
export interface ResultStore {
  get(kind: string, content: string): unknown;
  put(kind: string, content: string, value: unknown): void;
}

/** A source whose positions are looked up in the text only when a message asks for one. */
export function lazySource(text: string, origin: TextOrigin): SpecSource {
  let tree: YamlTree | undefined;
  return {
    ...origin,
    locate: (path) => {
      tree ??= parseYamlTree(text);
      return wordPosition(origin.file, text, tree.offsetOf(path));
    },
  };
}

/** Parses and checks a text. Throws one SpecError "spec-invalid" that names up to 20 problems by position. */
export function checkFile<Data>(text: string, origin: TextOrigin, kind: FileKind<Data>): { data: Data; source: SpecSource } {
  const forbidden = findForbiddenText(text);
  if (forbidden !== undefined) throw invalidFile(origin.file, text, [forbidden]);
  const tree = parseYamlTree(text);
  if (tree.value === undefined || tree.value === null) throw invalidFile(origin.file, text, nothingRead(tree, kind.example));
  if (typeof tree.value !== "object" || Array.isArray(tree.value)) {
    const message = `the file holds ${quoteValue(tree.value)}, not keys; start with a line such as "${kind.example}"`;
    throw invalidFile(origin.file, text, [{ offset: tree.offsetOf([]), message }]);
  }
  const result = kind.schema.safeParse(tree.value);
  const shape = result.success ? [] : wordIssues(tree, result.error.issues);
  const problems = [...tree.problems, ...shape, ...kind.findBrokenRules(tree)];
  if (problems.length > 0 || !result.success) throw invalidFile(origin.file, text, problems);
  const locate = (path: readonly (string | number)[]) => wordPosition(origin.file, text, tree.offsetOf(path));
  return { data: result.data, source: { ...origin, locate } };
}

function nothingRead(tree: YamlTree, example: string): readonly Problem[] {
  if (tree.problems.length > 0) return tree.problems;
  return [{ offset: 0, message: `the file is empty; start with a line such as "${example}"` }];
}
