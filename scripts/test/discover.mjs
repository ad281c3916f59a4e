import { existsSync } from "node:fs";
import { isAbsolute, relative, resolve } from "node:path";
import { listFiles, REPOSITORY } from "../repository.mjs";

/**
 * The kinds of tests in the order in which they run. `deadlineMs` is for a whole file: it ends what its own per-test
 * deadlines could not. Integration tests start VMs and change the host, so they never run side by side.
 */
export const KINDS = [
  // One more than the cores of the smallest machine: the longest of these wait for deadlines most of the time.
  { name: "unit", parallel: 3, deadlineMs: 120_000 },
  { name: "property", parallel: 2, deadlineMs: 300_000 },
  { name: "golden", parallel: 2, deadlineMs: 120_000 },
  { name: "integration", parallel: 1, deadlineMs: 600_000 },
  // Minutes in the lab for each; the first may have to compile the lab's kernel, on a machine that never did.
  { name: "lab_guests", parallel: 1, deadlineMs: 2_400_000 },
  // More of the same kind, which takes longer or is not yet whole. Run by name: npm test -- lab_long
  { name: "lab_long", parallel: 1, deadlineMs: 2_400_000, byName: true },
  // What those run inside the lab. One after the other: each starts VMs in a machine that is emulated itself.
  { name: "lab", parallel: 1, deadlineMs: 500_000, byName: true },
];

/**
 * Turns the command line (names of kinds and of test files; nothing means everything) into groups of test sources.
 * Works from the sources, so that what is left in dist of a deleted test is not run. Throws on a name that is neither.
 */
export function discoverTests(names) {
  const known = new Set(KINDS.map(({ name }) => name));
  const files = names.filter((name) => !known.has(name)).map(testSource);
  const always = KINDS.filter(({ byName }) => byName !== true).map(({ name }) => name);
  const kinds = names.length === 0 ? new Set(always) : new Set(names.filter((name) => known.has(name)));
  return KINDS.map((kind) => ({
    ...kind,
    files: [
      ...(kinds.has(kind.name) ? harnessFirst(listFiles(`test/${kind.name}`, [".test.ts"])) : []),
      ...files.filter((file) => kindOf(file) === kind.name),
    ],
  })).filter(({ files }) => files.length > 0);
}

/** What proves the tests' own harness comes before what rests on it; and, being the longest of them, it does not end alone. */
function harnessFirst(files) {
  const isHarness = (file) => file.includes("/support/");
  return [...files.filter(isHarness), ...files.filter((file) => !isHarness(file))];
}

function testSource(name) {
  const file = relative(REPOSITORY, isAbsolute(name) ? name : resolve(name));
  if (!file.endsWith(".ts") || !file.startsWith("test/") || !existsSync(resolve(REPOSITORY, file))) {
    throw new Error(`"${name}" is neither a kind of test (${KINDS.map((kind) => kind.name).join(", ")}) nor a test file`);
  }
  return file;
}

/** A file outside the folders of the kinds (a fixture named by hand) runs like a unit test. */
function kindOf(file) {
  const folder = file.split("/")[1];
  return KINDS.some(({ name }) => name === folder) ? folder : "unit";
}
