import { posix } from "node:path";
import ts from "typescript";

/** How a room may use another: `types` allows `import type` alone, so that nothing of the other room is loaded. */
type Use = "values" | "types";

/** Everything but the commands and compliance itself, which may use them all. */
const BELOW_COMPLIANCE = [
  "text",
  "report",
  "kernel",
  "spec",
  "host",
  "policy",
  "seccomp",
  "selinux",
  "selinux/labels",
  "plan",
  "observe",
  "state",
  "verify",
  "sandbox",
  "protocol",
  "machine",
  "audit",
];

/**
 * The rooms of src/ and what each may import besides errors: DESIGN.md's arrows as docs/decisions/0005-rooms.md amends
 * them. A folder not named here is part of its parent.
 */
export const ROOMS: Readonly<Record<string, Readonly<Record<string, Use>>>> = {
  errors: {},
  text: {},
  report: {},
  kernel: {},
  spec: values("text"),
  host: { ...values("kernel"), spec: "types" },
  seccomp: values("kernel"),
  policy: values("text", "seccomp"),
  selinux: values("kernel"),
  "selinux/labels": values("selinux", "state"),
  plan: { ...values("spec", "host"), policy: "types", seccomp: "types", selinux: "types" },
  observe: { ...values("kernel"), spec: "types" },
  state: values("kernel"),
  verify: values("spec", "host", "plan", "observe", "kernel", "state"),
  sandbox: { ...values("spec", "host", "observe", "verify", "kernel", "seccomp", "selinux"), plan: "types" },
  protocol: values("kernel"),
  machine: values(...BELOW_COMPLIANCE.filter((room) => !["machine", "audit", "report"].includes(room))),
  audit: values("text", "report", "spec", "host", "policy", "seccomp", "selinux", "plan", "observe", "verify", "state"),
  compliance: values(...BELOW_COMPLIANCE),
  cli: values(...BELOW_COMPLIANCE, "compliance"),
};

/** The package's own index: what it exports comes from any room but the commands. */
const PACKAGE_INDEX = "src/index.ts";

/** Packages with pointers, and compiled addons. */
const NATIVE_MODULE = /^(@2060\.io\/)?(ffi|ref)-napi$|\.node$/;

/** Parts of packages, joined by scripts/setup/bundles.mjs: dist/packages, as src/ files see it. */
const BUNDLED_PACKAGE = /^packages\/[a-z]+\.cjs$/;

const LINES_MAX = 250;
const SNAKE_CASE = /^[a-z0-9]+(_[a-z0-9]+)*$/;
const EMPTY_NAMES = new Set(["util", "utils", "helper", "helpers", "common", "misc", "manager", "managers"]);

/** What is wrong with one file of src/ by the arrows of DESIGN.md, each as `file:line: what`. */
export function findImportViolations(file: string, text: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const violations: string[] = [];
  const visit = (node: ts.Node): void => {
    const problem = judgeNode(file, node);
    if (problem !== null) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      violations.push(`${file}:${line + 1}: ${problem}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return violations;
}

/** What is wrong with a file's name or length, for any file of ours. */
export function findFileViolations(file: string, text: string): string[] {
  const violations: string[] = [];
  const stems = file.split("/").map((name) => name.replace(/\..*$/, ""));
  const empty = stems.find((stem) => stem.split("_").some((word) => EMPTY_NAMES.has(word)));
  if (empty !== undefined) violations.push(`${file}: the name "${empty}" says nothing about its subject`);
  if (!SNAKE_CASE.test(stems.at(-1) ?? "")) violations.push(`${file}: file names are snake_case`);
  const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
  if (lines > LINES_MAX) violations.push(`${file}: ${lines} lines; more than ${LINES_MAX} is more than one subject`);
  return violations;
}

function judgeNode(file: string, node: ts.Node): string | null {
  if (ts.isImportDeclaration(node)) return judgeImport(file, node.moduleSpecifier, isTypeOnly(node));
  if (ts.isExportDeclaration(node) && node.moduleSpecifier) return judgeImport(file, node.moduleSpecifier, node.isTypeOnly);
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return judgeImport(file, node.argument.literal, true);
  if (ts.isCallExpression(node)) return judgeCall(file, node);
  // Wherever the name stands, in a require() or an alias of it: there is no other reason to spell it.
  if (ts.isStringLiteralLike(node) && NATIVE_MODULE.test(node.text) && roomOf(file) !== "kernel") {
    return `"${node.text}" is native; only src/kernel crosses that boundary`;
  }
  return null;
}

/** True for `import type { A }`, false for `import { type A }`. */
function isTypeOnly(node: ts.ImportDeclaration): boolean {
  return node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
}

function judgeCall(file: string, call: ts.CallExpression): string | null {
  const [argument] = call.arguments;
  const isImport = call.expression.kind === ts.SyntaxKind.ImportKeyword;
  const isRequire = ts.isIdentifier(call.expression) && call.expression.text === "require";
  return (isImport || isRequire) && argument !== undefined ? judgeImport(file, argument, false) : null;
}

function judgeImport(file: string, specifier: ts.Node, typeOnly: boolean): string | null {
  if (!ts.isStringLiteralLike(specifier) || !specifier.text.startsWith(".")) return null;
  const target = posix.join(posix.dirname(file), specifier.text);
  if (BUNDLED_PACKAGE.test(target)) return null;
  const from = roomOf(file);
  const to = roomOf(target);
  if (to === null) return `"${specifier.text}" is in no room of DESIGN.md`;
  if (from === to) return null;
  if (from === null && file !== PACKAGE_INDEX) return `${file} is in no room of DESIGN.md`;
  if (target !== `src/${to}/index.js`) return `"${specifier.text}" is an inner file of ${to}; import its index.js`;
  return judgeArrow(from, to, typeOnly);
}

function judgeArrow(from: string | null, to: string, typeOnly: boolean): string | null {
  if (to === "cli") return "nobody imports cli";
  if (from === null || to === "errors") return null;
  const use = ROOMS[from]?.[to];
  if (use === undefined) return `${from} may not import ${to}`;
  // verbatimModuleSyntax: `import { type A }` still loads the module, only `import type { A }` does not.
  return use === "types" && !typeOnly ? `${from} may only \`import type\` from ${to}` : null;
}

/** The longest room name that the path lies in: src/selinux/labels/journal.ts is in selinux/labels. */
function roomOf(file: string): string | null {
  const folders = posix.dirname(file).split("/").slice(1);
  if (!file.startsWith("src/")) return null;
  for (let depth = folders.length; depth > 0; depth--) {
    const room = folders.slice(0, depth).join("/");
    if (Object.hasOwn(ROOMS, room)) return room;
  }
  return null;
}

function values(...rooms: readonly string[]): Record<string, Use> {
  return Object.fromEntries(rooms.map((room) => [room, "values"]));
}
