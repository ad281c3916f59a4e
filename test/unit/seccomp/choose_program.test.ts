import { join } from "node:path";
import * as assert from "uvu/assert";
import { loadCallFrequencies, loadRolePolicy } from "../../../src/policy/index.js";
import { writeProgram } from "../../../src/seccomp/bpf_program.js";
import { attempt, takeProved } from "../../../src/seccomp/choose_program.js";
import { compileWithLibseccomp } from "../../../src/seccomp/compile_libseccomp.js";
import {
  AUDIT_ARCH_X86_64,
  type BpfProgram,
  type CallFrequency,
  chooseProgram,
  combinePhases,
  evaluate,
  expectedCost,
  prove,
  SYSCALL_NUMBERS,
} from "../../../src/seccomp/index.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";
import { policy, rule } from "./rules_for_tests.js";

const test = suite("the choice among generators", { timeoutMs: 20_000 });

const folder = join(repositoryRoot, "policies");
const HOT_CALLS = 20;

function executed({ instructions }: BpfProgram, { syscall, args }: CallFrequency): number {
  return evaluate(instructions, { number: SYSCALL_NUMBERS.get(syscall) as number, arch: AUDIT_ARCH_X86_64, args }).executed;
}

for (const role of ["disk", "net", "vmm"]) {
  test(`${role} role: no hot call runs more instructions than with either of libseccomp's programs`, () => {
    const { seccomp } = loadRolePolicy({ folder, role });
    const frequencies = loadCallFrequencies({ folder, role });
    const chosen = chooseProgram({ policy: seccomp, phases: "lock-down", frequencies });
    assert.is(prove(combinePhases(seccomp, "lock-down"), chosen).equal, true);
    const hot = [...frequencies].sort((a, b) => b.count - a.count).slice(0, HOT_CALLS);
    for (const lookup of ["chain", "binary-tree"] as const) {
      const peer = compileWithLibseccomp(seccomp, { phases: "lock-down", lookup });
      assert.equal(
        hot.filter((call) => executed(chosen, call) > executed(peer, call)).map(({ syscall }) => syscall),
        [],
        lookup,
      );
    }
  });
}

test("the choice: is the candidate that costs least, and says so", () => {
  const { choice } = chooseProgram({
    policy: policy([rule("read"), rule("write", [{ index: 0, width: 32, op: "==", value: 1n }])]),
    phases: "run",
  });
  const costs = choice.candidates.map((candidate) => ("cost" in candidate ? candidate.cost.perCall : Number.NaN));
  assert.is(costs.length, 3);
  assert.is(
    choice.candidates.find(({ generator }) => generator === choice.generator),
    choice.candidates[costs.indexOf(Math.min(...costs))],
  );
  assert.match(choice.why, new RegExp(`: ${choice.generator} ${Math.min(...costs).toFixed(2)}, `));
});

test("a rule that libseccomp's lowering refuses: ours is taken, and the reason kept", () => {
  const bounds = [0, 1, 2].map((index) => ({ index: index as 0, width: 64, op: "<", value: 0x5555555555555555n }) as const);
  const { choice } = chooseProgram({ policy: policy([rule("read", bounds)]), phases: "run" });
  assert.is(choice.generator, "bulkhead");
  const faults = choice.candidates.flatMap((candidate) => ("fault" in candidate ? [candidate.fault] : []));
  assert.is(faults.length, 2);
  assert.match(faults[0] as string, /multiply/);
});

test("the cheapest program is not its policy: the next one is taken, and the reason kept", () => {
  const rules = combinePhases(policy([rule("read")]), "run");
  const calls = [{ syscall: "read", args: [], count: 1 }] satisfies CallFrequency[];
  // BPF_RET | BPF_K with SECCOMP_RET_ALLOW.
  const allowAll = writeProgram([{ code: 0x06, jumpTrue: 0, jumpFalse: 0, operand: 0x7fff0000 }]);
  const sound = attempt("bulkhead", calls, () => compileWithLibseccomp(policy([rule("read")]), { phases: "run" }));
  const { choice, bytes } = takeProved(rules, [sound, attempt("libseccomp", calls, () => allowAll)]);
  assert.is(choice.generator, "bulkhead");
  assert.equal(bytes, sound.program?.bytes);
  const fault = choice.candidates.find(({ generator }) => generator === "libseccomp");
  assert.match("fault" in (fault ?? {}) ? (fault as { fault: string }).fault : "", /gets allow, and the policy says .*weaker/);
  assert.throws(
    () => takeProved(rules, [attempt("libseccomp", calls, () => allowAll)]),
    (error: { code: string }) => error.code === "filter-differs",
  );
});

test("rules that contradict each other: refused, whoever would compile them", () => {
  const clash = policy([rule("read"), rule("read", [], { kind: "log" })]);
  try {
    chooseProgram({ policy: clash, phases: "run" });
    assert.unreachable();
  } catch (error) {
    assert.equal([(error as { code: string }).code, (error as { exitCode: number }).exitCode], ["rules-conflict", 2]);
  }
});

test("expected cost: calls that the kernel skips the filter for cost nothing, unless the kernel is older", () => {
  const { instructions } = chooseProgram({
    policy: policy([rule("read"), rule("write", [{ index: 0, width: 32, op: "==", value: 1n }])]),
    phases: "run",
  });
  const [read, write] = [
    { syscall: "read", args: [], count: 3 },
    { syscall: "write", args: [1n], count: 1 },
  ];
  const steps = [read, write].map((call) => executed({ instructions } as BpfProgram, call)) as [number, number];
  assert.equal(expectedCost(instructions, [read, write]), {
    perCall: steps[1] / 4,
    perCallUncached: (3 * steps[0] + steps[1]) / 4,
  });
});

test.run();
