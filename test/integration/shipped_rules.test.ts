import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { listRoles, loadCallFrequencies, loadRolePolicy } from "../../src/policy/index.js";
import {
  combinePhases,
  comparePolicies,
  decideCall,
  describeAnswer,
  encodeAction,
  type FilterRules,
  generateFilter,
  SYSCALL_NUMBERS,
  type SyscallRule,
  X32_BIT,
} from "../../src/seccomp/index.js";
import { suite } from "../support/harness.js";
import { repositoryRoot } from "../support/repository.js";
import { type CompiledVictim, compileVictim } from "../support/victim/compile_victim.js";
import { callsFor, type RuleCall } from "./rule_calls.js";

const test = suite("every rule of every shipped policy", { timeoutMs: 60_000 });

const folder = join(repositoryRoot, "policies");
const SIGSYS = "signal 31";
/** Without a listener the kernel answers notified calls ENOSYS, and the launcher has not been asked. */
const NOTIFIED = "returned -38";

let victim: CompiledVictim;
test.before(() => {
  victim = compileVictim("many_calls");
});
test.after(() => victim.remove());

const filterOf = (role: string): FilterRules => combinePhases(loadRolePolicy({ folder, role }).seccomp, "lock-down");
const wordRule = ({ syscall, checks, position: { file, line } }: SyscallRule): string =>
  `${file}:${line} ${syscall}(${checks.map(({ text }) => text).join(", ")})`;

/** What the kernel makes of each call under the role's filter, in order. */
function makeCalls(role: string, calls: readonly RuleCall[]): string[] {
  const path = join(victim.folder, `${role}.bpf`);
  writeFileSync(path, generateFilter(filterOf(role), loadCallFrequencies({ folder, role })).bytes);
  const input = calls.map(({ number, args }) => [number, ...args].join(" ")).join("\n");
  const { stdout, stderr, status } = spawnSync(victim.path, [path], {
    input: `${input}\n`,
    encoding: "utf8",
    maxBuffer: 1 << 24,
  });
  assert.is(status, 0, stderr);
  const answers = stdout.trim().split("\n");
  assert.is(answers.length, calls.length);
  return answers;
}

/** Whether what the kernel did is what the action says. */
function isAnswer(answer: string, { action }: RuleCall): boolean {
  switch (action.kind) {
    case "errno":
      return answer === `returned -${action.errno}`;
    case "notify":
      return answer === NOTIFIED;
    case "kill-process":
      return answer === SIGSYS;
    case "allow":
    case "log":
    case "trap":
    case "trace":
    case "kill-thread":
      return answer !== SIGSYS;
  }
}

for (const role of listRoles(folder)) {
  test(`${role} role: in the kernel each rule answers its call, and answers no call that differs in one argument`, () => {
    const filter = filterOf(role);
    const calls = filter.rules.flatMap((rule) => callsFor(rule, filter));
    for (const rule of filter.rules) {
      const own = calls.filter((call) => call.rule === rule);
      assert.ok(own.some(({ matches }) => matches) && own.some(({ matches }) => !matches), wordRule(rule));
    }
    const answers = makeCalls(role, calls);
    const wrong = calls.flatMap((call, index) => {
      const answer = answers[index] as string;
      if (isAnswer(answer, call)) return [];
      return [
        `${wordRule(call.rule)}: ${call.number}(${call.args.join(", ")}) ${answer}, wanted ${describeAnswer(encodeAction(call.action))}`,
      ];
    });
    assert.equal(wrong, []);
  });

  test(`${role} role: no rule can be left out`, () => {
    const filter = filterOf(role);
    const idle = filter.rules.filter((rule) => {
      const rules = filter.rules.filter(({ syscall }) => syscall === rule.syscall);
      const without = rules.filter((other) => other !== rule);
      return comparePolicies({ ...filter, rules }, { ...filter, rules: without }).relation === "equal";
    });
    assert.equal(idle.map(wordRule), []);
  });
}

test("x32: the number of an allowed call with bit 30 is killed", () => {
  const number = (SYSCALL_NUMBERS.get("write") as number) + X32_BIT;
  const [rule] = filterOf("disk").rules as [SyscallRule];
  const call: RuleCall = { rule, number, args: [1n, 0n, 0n, 0n, 0n, 0n], matches: false, action: { kind: "kill-process" } };
  assert.equal(makeCalls("disk", [call]), [SIGSYS]);
  assert.is(decideCall(filterOf("disk"), "write", []).action.kind, "allow");
});

test.run();
