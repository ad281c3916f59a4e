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
  const input = calls.map((call) => [waitMsOf(call), call.number, ...call.args].join(" ")).join("\n");
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

function wordOf(number: number): string {
  for (const [name, own] of SYSCALL_NUMBERS) if (own === number) return name;
  return String(number);
}

/** With the arguments of these tests, zeros where a rule does not look, they sleep until something happens, which nothing does. */
const MAY_WAIT: readonly string[] = ["ppoll"];
/** For one that waits any time is as good; for another it is how long a busy machine may take over a call. In ms. */
const WAIT_MS = { waits: 200, returns: 20_000 } as const;

function waitMsOf({ action, number }: RuleCall): number {
  return action.kind === "allow" && MAY_WAIT.includes(wordOf(number)) ? WAIT_MS.waits : WAIT_MS.returns;
}

/**
 * Ends that are a call's own work. SIGSEGV is 11: rt_sigreturn finds no signal's frame on the stack, and a thread of clone
 * that is given no stack shares its maker's.
 */
const MAY_END: Readonly<Record<string, string>> = {
  exit: "exited 0",
  exit_group: "exited 0",
  rt_sigreturn: "signal 11",
  clone: "signal 11",
};

/** Whether the kernel carried a call out, well or not: a filter's answers would be a signal, or ENOSYS of one that asks a listener. */
function isAllowed(answer: string, syscall: string): boolean {
  if (MAY_END[syscall] === answer) return true;
  if (MAY_WAIT.includes(syscall) && answer === "late") return true;
  return answer.startsWith("returned ") && answer !== NOTIFIED;
}

/** Whether what the kernel did is what the action says. */
function isAnswer(answer: string, { action, number }: RuleCall): boolean {
  switch (action.kind) {
    case "errno":
      return answer === `returned -${action.errno}`;
    case "notify":
      return answer === NOTIFIED;
    case "kill-process":
      return answer === SIGSYS;
    case "allow":
      return isAllowed(answer, wordOf(number));
    case "log":
    case "trap":
    case "trace":
    case "kill-thread":
      throw new Error(`no shipped policy answers with ${action.kind}`);
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
