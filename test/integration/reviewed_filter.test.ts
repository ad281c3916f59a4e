import { join } from "node:path";
import * as assert from "uvu/assert";
import { judgeFilter } from "../../src/compliance/boundary/judge_filter.js";
import { readReviewed } from "../../src/compliance/boundary/reviewed_role.js";
import { loadRolePolicy } from "../../src/policy/index.js";
import { combinePhases, type FilterRules, generateFilter, type SyscallRule } from "../../src/seccomp/index.js";
import { suite } from "../support/harness.js";
import { repositoryRoot } from "../support/repository.js";

/** Some 10,000 calls, each in a process of its own: 3 s for a VMM, on a busy machine three times that. */
const test = suite("filters held against what was reviewed", { timeoutMs: 30_000 });
const folder = join(repositoryRoot, "policies");
const compile = (filter: FilterRules) => generateFilter(filter, []).bytes;

for (const role of ["disk", "vmm", "image-judge"]) {
  test(`${role} role: no call at the boundary of what was reviewed goes through in the kernel`, () => {
    const program = compile(combinePhases(loadRolePolicy({ folder, role }).seccomp, "lock-down"));
    const { breaches, callsMade, undecided } = judgeFilter(readReviewed(folder, role).rules, program);
    assert.equal({ breaches, undecided }, { breaches: [], undecided: null });
    assert.ok(callsMade > 300, `${callsMade} calls`);
  });
}

const reviewed = readReviewed(folder, "disk").rules;
const ruleOf = (syscall: string): SyscallRule => {
  const rule = reviewed.rules.find((one) => one.syscall === syscall);
  if (rule === undefined) throw new Error(`the disk role has no rule for ${syscall}`);
  return rule;
};
const weakened: readonly (readonly [what: string, filter: FilterRules, said: RegExp])[] = [
  [
    "one call more",
    { ...reviewed, rules: [...reviewed.rules, { ...ruleOf("write"), syscall: "socket" }] },
    /^socket\(.*carried it out/,
  ],
  [
    "a check less",
    { ...reviewed, rules: reviewed.rules.map((rule) => (rule === ruleOf("mremap") ? { ...rule, checks: [] } : rule)) },
    /^mremap\(.*carried it out/,
  ],
  [
    "a start call for ever",
    {
      ...reviewed,
      rules: reviewed.rules.map((rule) => (rule === ruleOf("openat") ? { ...rule, action: { kind: "allow" } } : rule)),
    },
    /^openat\(.*carried it out/,
  ],
];

for (const [what, filter, said] of weakened) {
  test(`a filter with ${what} is found by what the kernel carries out`, () => {
    const { breaches } = judgeFilter(reviewed, compile(filter));
    assert.match(breaches.map(({ call, observed }) => `${call}: ${observed}`).join("\n"), said);
  });
}

test.run();
