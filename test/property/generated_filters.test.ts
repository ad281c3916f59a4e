import * as assert from "uvu/assert";
import {
  decideCall,
  emulate,
  encodeAction,
  type FilterRules,
  generateFilter,
  prove,
  syscallName,
  X32_BIT,
} from "../../src/seccomp/index.js";
import { suite } from "../support/harness.js";
import { Random } from "../support/seccomp/random.js";
import { randomCallFor, randomRules } from "../support/seccomp/random_rules.js";

const test = suite("generated filters against their rules", { timeoutMs: 120_000 });

const KILL = encodeAction({ kind: "kill-process" });
const ARCH_X86_64 = 0xc000003e;
const NO_CALL = 0xffffffff;
/** Few rules with few checks, as policies have them, and many on one syscall, where their bounds meet. */
const SHAPES = [
  { rulesMax: 4, checksMax: 2 },
  { rulesMax: 12, checksMax: 3 },
] as const;
const RULE_SETS = 20_000;
const CALLS_PER_RULE_SET = 20;
/** Every so many rule sets one is proved for all calls, which takes longer than the calls that are tried. */
const PROVED_EVERY = 20;

/** The rules' answer, read off the rules themselves. */
function wanted(filter: FilterRules, call: { number: number; arch: number; args: readonly bigint[] }): number {
  if (call.arch !== ARCH_X86_64 || (call.number >= X32_BIT && call.number !== NO_CALL)) return KILL;
  const syscall = syscallName(call.number);
  return encodeAction(syscall === undefined ? filter.otherwise : decideCall(filter, syscall, call.args).action);
}

function firstDifference(seed: number): string | null {
  const random = new Random(seed);
  const filter = randomRules(random, SHAPES[seed % SHAPES.length] as (typeof SHAPES)[number]);
  const calls = Array.from({ length: CALLS_PER_RULE_SET }, () => randomCallFor(random, filter));
  // What is hot changes the order of all tests, and must change nothing else.
  const hot = calls.slice(0, seed % 4).flatMap(({ number, args }) => {
    const syscall = syscallName(number);
    return syscall === undefined ? [] : [{ syscall, args, count: 1 + random.below(1000) }];
  });
  const program = generateFilter(filter, hot);
  for (const call of calls) {
    const given = emulate(program.instructions, call);
    if (given !== wanted(filter, call)) return `${syscallName(call.number)}(${call.args.join(", ")}) gets ${given}`;
  }
  if (seed % PROVED_EVERY !== 0) return null;
  const proof = prove(filter, program);
  return proof.equal === true
    ? null
    : JSON.stringify(proof, (_, value: unknown) => (typeof value === "bigint" ? `${value}` : value));
}

test(`${RULE_SETS} random rule sets: the program answers as the rules do at 64-bit boundaries, and is proved`, () => {
  for (let seed = 0; seed < RULE_SETS; seed++) assert.is(firstDifference(seed), null, `seed ${seed}`);
});

test.run();
