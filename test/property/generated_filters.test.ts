import * as assert from "uvu/assert";
import { findProgramFault } from "../../src/seccomp/bpf_check.js";
import {
  AUDIT_ARCH_X86_64,
  type BpfProgram,
  decideCall,
  emulate,
  encodeAction,
  type FilterRules,
  generateFilter,
  SYSCALL_NUMBERS,
  syscallName,
  X32_BIT,
} from "../../src/seccomp/index.js";
import { suite } from "../support/harness.js";
import { RandomRules } from "./random_rules.js";

const test = suite("generated filters against their rules", { timeoutMs: 120_000 });

const RULE_SETS = 20_000;
const CALLS_PER_RULE_SET = 60;
const KILL = encodeAction({ kind: "kill-process" });
const NUMBERS = [
  ...Array.from({ length: 600 }, (_, number) => number),
  X32_BIT - 1,
  X32_BIT,
  0x7fffffff,
  0x80000000,
  0xbfffffff,
  0xc0000000,
  0xffffffff,
];

/** The rules' answer, read off the rules themselves. */
function wanted(filter: FilterRules, number: number, args: readonly bigint[]): number {
  if ((number & X32_BIT) !== 0) return KILL;
  const syscall = syscallName(number);
  return encodeAction(syscall === undefined ? filter.otherwise : decideCall(filter, syscall, args).action);
}

function firstDifference(seed: number): string | null {
  const random = new RandomRules(seed);
  const filter = random.filter();
  const { instructions } = generateFilter(filter, []);
  const fault = findProgramFault(instructions);
  if (fault !== null) return `seed ${seed}: the kernel would refuse it: ${fault}`;
  for (let count = 0; count < CALLS_PER_RULE_SET; count++) {
    const number = SYSCALL_NUMBERS.get(random.syscall()) as number;
    const args = random.args();
    const given = emulate(instructions, { number, arch: AUDIT_ARCH_X86_64, args });
    if (given !== wanted(filter, number, args)) return `seed ${seed}: ${syscallName(number)}(${args.join(", ")}) gets ${given}`;
  }
  return null;
}

test(`${RULE_SETS} random rule sets: the program answers as the rules do at 64-bit boundaries`, () => {
  for (let seed = 0; seed < RULE_SETS; seed++) assert.is(firstDifference(seed), null);
});

test("random rule sets: every number, x32 and other arches too", () => {
  for (let seed = 0; seed < 50; seed++) {
    const random = new RandomRules(seed);
    const filter = random.filter();
    const program: BpfProgram = generateFilter(filter, []);
    for (const number of NUMBERS) {
      const args = random.args();
      assert.is(
        emulate(program.instructions, { number, arch: AUDIT_ARCH_X86_64, args }),
        wanted(filter, number, args),
        `${seed} ${number}`,
      );
      assert.is(emulate(program.instructions, { number, arch: 0x40000003, args }), KILL);
    }
  }
});

test.run();
