import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type ArgumentCheck,
  type BpfProgram,
  encodeAction,
  type FilterRules,
  readProgram,
  SYSCALL_NUMBERS,
} from "../../../src/seccomp/index.js";
import type { CompiledVictim } from "../victim/compile_victim.js";

/** enum scmp_compare of seccomp.h. */
const COMPARE = { "!=": 1, "<": 2, "<=": 3, "==": 4, ">=": 5, ">": 6, "masked-equal": 7 } as const;

/** Whether libseccomp can be given the rules as they are: 64-bit comparisons, one for each argument of a rule. */
export function isNaive({ rules, otherwise }: FilterRules): boolean {
  return rules.every(
    ({ checks, action }) =>
      checks.every((check) => check.width === 64 && Object.hasOwn(COMPARE, check.op)) &&
      new Set(checks.map(({ index }) => index)).size === checks.length &&
      encodeAction(action) !== encodeAction(otherwise),
  );
}

/** What the installed libseccomp makes of rule sets, asked for each comparison as it stands; null where it refuses or never ends. */
export function compileNaively(victim: CompiledVictim, sets: readonly FilterRules[]): (BpfProgram | null)[] {
  const [rules, programs] = [join(victim.folder, "rules"), join(victim.folder, "programs")];
  writeFileSync(rules, Buffer.concat(sets.map(encodeSet)));
  execFileSync(victim.path, [rules, programs]);
  const bytes = readFileSync(programs);
  let offset = 0;
  return sets.map(() => {
    const size = bytes.readUInt32LE(offset);
    const program = bytes.subarray(offset + 4, offset + 4 + size);
    offset += 4 + size;
    return size === 0 ? null : readProgram(program);
  });
}

function encodeSet({ rules, otherwise }: FilterRules): Buffer {
  const words = (...values: readonly number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer);
  const encoded = rules.flatMap(({ syscall, checks, action }) => [
    words(encodeAction(action), SYSCALL_NUMBERS.get(syscall) ?? 0, checks.length, 0),
    ...checks.map(encodeCheck),
  ]);
  return Buffer.concat([words(encodeAction(otherwise), rules.length), ...encoded]);
}

/** struct scmp_arg_cmp: of a masked comparison the mask comes first. */
function encodeCheck(check: ArgumentCheck): Buffer {
  const bytes = Buffer.alloc(24);
  const operands = "mask" in check ? [check.mask, check.value] : "value" in check ? [check.value, 0n] : [0n, 0n];
  bytes.writeUInt32LE(check.index, 0);
  bytes.writeUInt32LE(COMPARE[check.op as keyof typeof COMPARE], 4);
  operands.forEach((operand, place) => {
    bytes.writeBigUInt64LE(operand, 8 + 8 * place);
  });
  return bytes;
}
