import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../support/harness.js";
import { repositoryRoot } from "../support/repository.js";
import { findFileViolations, findImportViolations, ROOMS } from "../support/room_rules.js";

/** Parses every source: some 2 s of CPU time, which a busy host makes many more. */
const test = suite("rooms and files", { timeoutMs: 20_000 });

/** Folders of sources that people write, and the endings of what is a source there. */
const SOURCE_FOLDERS = [
  "src",
  "test",
  "bench",
  "examples",
  "scripts",
  "native/core",
  "native/addon",
  "native/keeper",
  "native/filter_probe",
  "native/reference_device",
  "native/boot",
];
const SOURCE = /\.(ts|mjs|cc|h|S|inc)$/;

function readSources(folder: string): { file: string; text: string }[] {
  const names = readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => SOURCE.test(name)).map((name) => `${folder}/${name}`);
  return files.map((file) => ({ file, text: readFileSync(join(repositoryRoot, file), "utf8") }));
}

test("every import in src follows the arrows of DESIGN.md", () => {
  const sources = readSources("src");
  assert.ok(sources.length > 0);
  assert.equal(
    sources.flatMap(({ file, text }) => findImportViolations(file, text)),
    [],
  );
});

test("every file has one subject: a name that says which, and at most 250 lines", () => {
  const sources = SOURCE_FOLDERS.flatMap(readSources);
  assert.equal(
    sources.flatMap(({ file, text }) => findFileViolations(file, text)),
    [],
  );
});

test("every folder of src is a room", () => {
  const folders = readdirSync(join(repositoryRoot, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  assert.equal(
    folders.map(({ name }) => name).filter((name) => !Object.hasOwn(ROOMS, name)),
    [],
  );
});

test("tests use uvu through the harness only", () => {
  const direct = readSources("test")
    .filter(({ file }) => !file.startsWith("test/support/"))
    .filter(({ text }) => /^import .* from "uvu";/m.test(text));
  assert.equal(
    direct.map(({ file }) => file),
    [],
  );
});

const VIOLATIONS: readonly (readonly [what: string, file: string, text: string, said: RegExp])[] = [
  ["a room that is not allowed", "src/spec/a.ts", 'import { b } from "../kernel/index.js";', /spec may not import kernel/],
  [
    "an arrow turned round",
    "src/sandbox/a.ts",
    'import type { B } from "../machine/index.js";',
    /sandbox may not import machine/,
  ],
  ["audit using what acts", "src/audit/a.ts", 'import { b } from "../sandbox/index.js";', /audit may not import sandbox/],
  ["a re-export", "src/spec/index.ts", 'export { b } from "../plan/index.js";', /spec may not import plan/],
  ["a dynamic import", "src/spec/a.ts", 'const b = await import("../plan/index.js");', /spec may not import plan/],
  ["a require", "src/spec/a.ts", 'const b = require("../plan/index.js");', /spec may not import plan/],
  ["an import type node", "src/spec/a.ts", 'type B = import("../plan/index.js").B;', /spec may not import plan/],
  ["an inner file", "src/plan/a.ts", 'import type { B } from "../host/facts.js";', /inner file of host/],
  ["an inner file from a subfolder", "src/compliance/lab/a.ts", 'import { B } from "../../host/facts.js";', /inner file of host/],
  [
    "values where types are allowed",
    "src/plan/a.ts",
    'import { b } from "../policy/index.js";',
    /plan may only `import type` from policy/,
  ],
  [
    "inline types, which load the module",
    "src/plan/a.ts",
    'import { type B } from "../policy/index.js";',
    /plan may only `import type`/,
  ],
  ["the commands", "src/compliance/a.ts", 'import { b } from "../cli/index.js";', /nobody imports cli/],
  ["the commands in the package", "src/index.ts", 'export * from "./cli/index.js";', /nobody imports cli/],
  [
    "the only writer of labels",
    "src/audit/a.ts",
    'import { b } from "../selinux/labels/index.js";',
    /may not import selinux\/labels/,
  ],
  [
    "a parent using its subroom",
    "src/selinux/a.ts",
    'import { b } from "./labels/index.js";',
    /selinux may not import selinux\/labels/,
  ],
  ["a room that nobody drew", "src/plan/a.ts", 'import { b } from "../magic/index.js";', /in no room/],
  ["a file in a room that nobody drew", "src/magic/a.ts", 'import { b } from "../plan/index.js";', /in no room/],
  ["FFI outside kernel", "src/seccomp/a.ts", 'import ffi from "ffi-napi";', /only src\/kernel/],
  [
    "the addon outside kernel",
    "src/host/a.ts",
    'createRequire(import.meta.url)("../../native/build/Release/bulkhead.node");',
    /only src\/kernel/,
  ],
];

for (const [what, file, text, said] of VIOLATIONS) {
  test(`the arrows refuse ${what}`, () => {
    const violations = findImportViolations(file, `// first line\n${text}\n`);
    assert.is(violations.length, 1, violations.join("\n"));
    assert.match(violations[0] ?? "", said);
    assert.match(violations[0] ?? "", `${file}:2: `);
  });
}

const ALLOWED: readonly (readonly [file: string, text: string])[] = [
  ["src/plan/a.ts", 'import type { HostFacts } from "../host/index.js";'],
  ["src/plan/a.ts", 'import { PlanError } from "../errors/index.js";\nimport { b } from "./b.js";'],
  ["src/compliance/lab/a.ts", 'import { b } from "../controls.js";\nimport { run } from "../../machine/index.js";'],
  ["src/selinux/labels/a.ts", 'import { b } from "../index.js";\nimport { journal } from "../../state/index.js";'],
  ["src/kernel/a.ts", 'import ffi from "ffi-napi";'],
  ["src/index.ts", 'export { launch } from "./machine/index.js";'],
  ["src/cli/main.ts", 'import { launch } from "../machine/index.js";\nimport { readFileSync } from "node:fs";'],
];

test("the arrows allow what DESIGN.md draws", () => {
  for (const [file, text] of ALLOWED) assert.equal(findImportViolations(file, text), [], text);
});

test("names that say nothing, other cases and long files are found", () => {
  assert.match(findFileViolations("src/plan/utils.ts", "")[0] ?? "", /"utils" says nothing/);
  assert.match(findFileViolations("src/plan/launch_manager.ts", "")[0] ?? "", /"launch_manager" says nothing/);
  assert.match(findFileViolations("src/helpers/launch.ts", "")[0] ?? "", /"helpers" says nothing/);
  assert.match(findFileViolations("src/plan/launchPlan.ts", "")[0] ?? "", /snake_case/);
  assert.match(findFileViolations("src/plan/launch.ts", "\n".repeat(251))[0] ?? "", /251 lines/);
  assert.equal(findFileViolations("src/plan/launch_plan.test.ts", "\n".repeat(250)), []);
});

test.run();
