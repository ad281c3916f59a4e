import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { listRoles, loadCallFrequencies, loadRolePolicy } from "../../../src/policy/index.js";
import { combinePhases, decideCall } from "../../../src/seccomp/index.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";

const test = suite("measured call frequencies");

/** Roles whose calls nobody has counted: their programs are generated as if every call were as frequent as any other. */
const UNMEASURED = ["image-judge", "javascript-device", "launcher", "reference-device"];

const shipped = join(repositoryRoot, "policies");
let folder: string;
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), "bulkhead-frequencies-"));
  mkdirSync(join(folder, "frequencies"));
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

function load(calls: string) {
  writeFileSync(join(folder, "frequencies/disk.yaml"), `role: disk\nmeasured: "by hand"\ncalls:\n${calls}\n`);
  return loadCallFrequencies({ folder, role: "disk" });
}

function problemOf(calls: string): string {
  try {
    load(calls);
  } catch (error) {
    assert.is((error as { code: string }).code, "policy-invalid");
    return (error as Error).message;
  }
  return "";
}

test("a role without a file: has none", () => {
  assert.equal(loadCallFrequencies({ folder, role: "net" }), []);
});

test("a call: its arguments by name, constants joined, missing ones 0", () => {
  assert.equal(load("  - fcntl: {cmd: F_SETFL, arg: O_RDWR|O_NONBLOCK, perMillion: 12}"), [
    { syscall: "fcntl", args: [0n, 4n, 2050n, 0n, 0n, 0n], count: 12 },
  ]);
});

for (const [calls, problem] of [
  ["  - opnat: {perMillion: 1}", /disk\.yaml:4:5: a call names one syscall; did you mean "openat"/],
  ["  - fcntl: {comd: F_GETFL, perMillion: 1}", /disk\.yaml:4:13: fcntl has no argument "comd"; did you mean "cmd"/],
  ["  - fcntl: {cmd: KVM_RUN, perMillion: 1}", /KVM_RUN .* is no value of cmd/],
  ["  - read: {perMillion: 1000001}", /counts calls in a million/],
  ["  - read: {}", /counts calls in a million/],
] as const) {
  test(`refused with its place: ${calls.trim()}`, () => assert.match(problemOf(calls), problem));
}

test("roles without a measurement: these, and none of them has a file", () => {
  const without = listRoles(shipped).filter((role) => loadCallFrequencies({ folder: shipped, role }).length === 0);
  assert.equal(without, UNMEASURED);
});

for (const role of listRoles(shipped).filter((name) => !UNMEASURED.includes(name))) {
  test(`${role} role: was measured, and every call that was seen is one that its policy answers`, () => {
    const filter = combinePhases(loadRolePolicy({ folder: shipped, role }).seccomp, "start+run");
    const calls = loadCallFrequencies({ folder: shipped, role });
    assert.ok(calls.length >= 20, `${calls.length} calls`);
    const killed = calls.filter(({ syscall, args }) => decideCall(filter, syscall, args).action.kind === "kill-process");
    assert.equal(killed, []);
  });
}

test.run();
