import { ALU, CLASS, JMP, MISC_TXA, MODE, RETURN_A, SOURCE_X } from "../bpf_opcodes.js";
import type { BpfInstruction } from "../bpf_program.js";
import { operandValue, wordOffset } from "./operand_names.js";
import { returnValue } from "./return_names.js";

/** Where a statement stands and what the names of lines mean. */
export interface StatementPlace {
  readonly line: number;
  readonly labels: ReadonlyMap<string, number>;
}

const OPERATIONS: ReadonlyMap<string, number> = new Map([
  ["+", ALU.add],
  ["-", ALU.sub],
  ["*", ALU.mul],
  ["/", ALU.div],
  ["|", ALU.or],
  ["&", ALU.and],
  ["^", ALU.xor],
  ["<<", ALU.lsh],
  [">>", ALU.rsh],
]);
/** Each comparison as the jump that has it, and whether its ends change places. */
const COMPARISONS: ReadonlyMap<string, { readonly jump: number; readonly inverted: boolean }> = new Map([
  ["==", { jump: JMP.jeq, inverted: false }],
  ["!=", { jump: JMP.jeq, inverted: true }],
  [">", { jump: JMP.jgt, inverted: false }],
  ["<=", { jump: JMP.jgt, inverted: true }],
  [">=", { jump: JMP.jge, inverted: false }],
  ["<", { jump: JMP.jge, inverted: true }],
  ["&", { jump: JMP.jset, inverted: false }],
]);
/** jt and jf are bytes. */
const CONDITIONAL_JUMP_MAX = 255;
const WORD_MAX = 0xffffffff;

/** Encodes one statement without its comment. A string says what is wrong with it. */
export function assembleStatement(text: string, place: StatementPlace): BpfInstruction | string {
  const [word = ""] = text.split(/[\s(]/, 1);
  if (word === "return") return assembleReturn(text.slice(word.length).trim());
  if (word === "goto") return assembleGoto(text.slice(word.length).trim(), place);
  if (word === "raw") return assembleRaw(text.slice(word.length).trim());
  if (word === "if" || text.includes("?")) return assembleCondition(text, place);
  return assembleAssignment(text);
}

function instruction(code: number, operand: number): BpfInstruction {
  return { code, jumpTrue: 0, jumpFalse: 0, operand };
}

function assembleReturn(answer: string): BpfInstruction | string {
  if (answer === "A") return instruction(CLASS.ret | RETURN_A, 0);
  const value = returnValue(answer) ?? operandOf(answer);
  return value === undefined ? `no action ${JSON.stringify(answer)}` : instruction(CLASS.ret, value);
}

function assembleGoto(target: string, place: StatementPlace): BpfInstruction | string {
  const distance = distanceTo(target, place);
  return typeof distance === "string" ? distance : instruction(CLASS.jmp | JMP.ja, distance);
}

/** How many instructions lie between a statement and the line that a name or number means. */
function distanceTo(target: string, { line, labels }: StatementPlace): number | string {
  const named = target === "next" ? line + 1 : labels.get(target);
  const to = named ?? (/^\d{1,10}$/.test(target) ? Number(target) : undefined);
  if (to === undefined) return `no line is labelled ${JSON.stringify(target)}`;
  const distance = to - line - 1;
  if (distance < 0) return `${target} is line ${to}, and jumps go forward only`;
  return distance > WORD_MAX ? `${target} is too far` : distance;
}

function assembleRaw(fields: string): BpfInstruction | string {
  const words = fields.split(/\s+/).map((field) => operandOf(field));
  const [code, jumpTrue, jumpFalse, operand] = words;
  const fits = words.length === 4 && code !== undefined && jumpTrue !== undefined && jumpFalse !== undefined;
  if (!fits || operand === undefined || code > 0xffff || jumpTrue > 0xff || jumpFalse > 0xff)
    return "raw takes CODE JT JF K, of 16, 8, 8 and 32 bits";
  return { code, jumpTrue, jumpFalse, operand };
}

const IF = /^if\s*\((.+)\)\s*goto\s+(\S+)(?:\s+else\s+goto\s+(\S+))?$/;
const CHOICE = /^(.+?)\s*\?\s*(\S+)\s*:\s*(\S+)$/;
const COMPARISON = /^A\s*(==|!=|>=|<=|>|<|&)\s*(\S.*)$/;
const NO_BIT = /^!\s*\(\s*A\s*&\s*(\S.*?)\s*\)$/;

function assembleCondition(text: string, place: StatementPlace): BpfInstruction | string {
  const [, condition = "", taken = "", otherwise = "next"] = IF.exec(text) ?? CHOICE.exec(text) ?? [];
  if (taken === "") return 'a condition reads "if (A == VALUE) goto LINE" or "A == VALUE ? LINE : LINE"';
  const noBit = NO_BIT.exec(condition.trim());
  const [, operator = "", right = ""] = noBit === null ? (COMPARISON.exec(condition.trim()) ?? []) : ["", "&", noBit[1]];
  const comparison = COMPARISONS.get(operator);
  if (comparison === undefined) return `${JSON.stringify(condition)} does not compare A`;
  const operand = right === "X" ? 0 : operandOf(right);
  if (operand === undefined) return `no value ${JSON.stringify(right)}`;
  const inverted = comparison.inverted || noBit !== null;
  const [met, unmet] = [distanceTo(taken, place), distanceTo(otherwise, place)];
  for (const distance of [met, unmet]) {
    if (typeof distance === "string") return distance;
    if (distance > CONDITIONAL_JUMP_MAX)
      return `a condition reaches ${CONDITIONAL_JUMP_MAX} lines, and this one jumps ${distance}`;
  }
  const [jumpTrue, jumpFalse] = (inverted ? [unmet, met] : [met, unmet]) as [number, number];
  return { code: CLASS.jmp | comparison.jump | (right === "X" ? SOURCE_X : 0), jumpTrue, jumpFalse, operand };
}

const ASSIGNMENT = /^(A|X|mem\[\d{1,10}\])\s*(<<|>>|[-+*/|&^])?=\s*(\S.*)$/;

function assembleAssignment(text: string): BpfInstruction | string {
  const [, target = "", operator, source = ""] = ASSIGNMENT.exec(text) ?? [];
  if (target === "") return `cannot read ${JSON.stringify(text)}`;
  if (operator !== undefined) return assembleArithmetic(target, operator, source);
  if (target.startsWith("mem")) {
    if (source !== "A" && source !== "X") return "only A and X can be stored";
    return instruction(source === "A" ? CLASS.st : CLASS.stx, scratchIndex(target));
  }
  if (target === "X" && source === "A") return instruction(CLASS.misc, 0);
  if (target === "A" && source === "X") return instruction(CLASS.misc | MISC_TXA, 0);
  if (target === "A" && source === "-A") return instruction(CLASS.alu | ALU.neg, 0);
  return assembleLoad(target === "A" ? CLASS.ld : CLASS.ldx, source);
}

function assembleArithmetic(target: string, operator: string, source: string): BpfInstruction | string {
  if (target !== "A") return "only A can be calculated with";
  const operation = CLASS.alu | (OPERATIONS.get(operator) ?? 0);
  if (source === "X") return instruction(operation | SOURCE_X, 0);
  const operand = operandOf(source);
  return operand === undefined ? `no value ${JSON.stringify(source)}` : instruction(operation, operand);
}

function assembleLoad(register: number, source: string): BpfInstruction | string {
  const offset = wordOffset(source);
  if (offset !== undefined) {
    return register === CLASS.ld ? instruction(CLASS.ld | MODE.abs, offset) : "only A can be loaded from the call's data";
  }
  if (/^mem\[\d{1,10}\]$/.test(source)) return instruction(register | MODE.mem, scratchIndex(source));
  if (source === "sizeof(struct seccomp_data)") return instruction(register | MODE.len, 0);
  const operand = operandOf(source);
  return operand === undefined ? `no value ${JSON.stringify(source)}` : instruction(register | MODE.imm, operand);
}

function scratchIndex(text: string): number {
  return Math.min(Number(/\d+/.exec(text)?.[0]), WORD_MAX);
}

/** A number, a name, or names joined by `|`. */
function operandOf(text: string): number | undefined {
  let joined = 0;
  for (const word of text.split("|")) {
    const value = operandValue(word.trim());
    if (value === undefined) return undefined;
    joined = (joined | value) >>> 0;
  }
  return joined;
}
