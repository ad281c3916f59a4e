import type { core } from "zod/mini";
import { closestCandidate, type Problem, quotePath, quoteValue, suggestFrom, type YamlTree } from "../text/index.js";

type Issue = core.$ZodIssue;

/** Words what a schema found wrong with a file, each with its position. */
export function wordIssues(tree: YamlTree, issues: readonly Issue[]): Problem[] {
  return issues.flatMap((issue) => wordIssue(tree, issue, []));
}

function wordIssue(tree: YamlTree, issue: Issue, above: readonly PropertyKey[]): Problem[] {
  const path = [...above, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    const known = issue.message.split("\n");
    return issue.keys.map((key) => ({
      offset: tree.offsetOf([...path, key]),
      message: `unknown key ${quoteValue(key)} in ${quotePath(path)}${suggestFrom(key, known)}`,
    }));
  }
  if (issue.code === "invalid_union") {
    // A value of the right kind for one branch is judged by that branch: {fil: a} lacks "file", it is not "neither stdio nor none".
    const branch = issue.errors.find((errors) =>
      errors.every((error) => error.path.length > 0 || error.code === "unrecognized_keys"),
    );
    if (branch !== undefined) return branch.flatMap((error) => wordIssue(tree, error, path));
  }
  return [{ offset: tree.offsetOf(path), message: wordValue(tree, path, issue) }];
}

function wordValue(tree: YamlTree, path: readonly PropertyKey[], issue: Issue): string {
  const value = valueAt(tree.value, path);
  if (value === undefined) {
    return `${quotePath(path.slice(0, -1))} lacks the key "${String(path.at(-1))}"; add it: it is ${issue.message}`;
  }
  return `${quotePath(path)} is ${quoteValue(value)}; it must be ${issue.message}${wordHint(value, issue)}`;
}

/** What the writer probably meant. */
function wordHint(value: unknown, issue: Issue): string {
  if (issue.code === "invalid_type" && issue.expected === "string" && ["number", "boolean"].includes(typeof value)) {
    return `; quote it: "${String(value)}"`;
  }
  const words = choicesOf(issue).filter((word) => typeof word === "string");
  const closest = typeof value === "string" ? closestCandidate(value, words) : undefined;
  return closest === undefined ? "" : `; did you mean ${closest}?`;
}

function choicesOf(issue: Issue): readonly unknown[] {
  if (issue.code === "invalid_value") return issue.values;
  return issue.code === "invalid_union" ? issue.errors.flat().flatMap(choicesOf) : [];
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}
