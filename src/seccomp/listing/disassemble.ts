import { ALU, CLASS, CLASS_MASK, JMP, MISC_TXA, MODE, MODE_MASK, OPERATION_MASK, RETURN_A, SOURCE_X } from "../bpf_opcodes.js";
import type { BpfInstruction } from "../bpf_program.js";
import { assembleStatement } from "./assemble_statement.js";
import { hex, knownArgument, maskName, operandName, wordName } from "./operand_names.js";
import { type Knowledge, knowledgeByLine } from "./register_content.js";
import { returnName } from "./return_names.js";

/** One line of a listing. */
export interface ListingLine {
  readonly line: number;
  readonly instruction: BpfInstruction;
  /** What it does, in a form that `assemble` reads. */
  readonly text: string;
  /** What the argument is, where the syscall is known; null otherwise. */
  readonly comment: string | null;
}

const HEADING = [" line  CODE  JT   JF      K", "================================="];
const LINE_DIGITS = 4;
/** Columns of a statement before a comment, so that comments stand below each other. */
const STATEMENT_COLUMNS = 40;
const OPERATORS: ReadonlyMap<number, string> = new Map([
  [ALU.add, "+"],
  [ALU.sub, "-"],
  [ALU.mul, "*"],
  [ALU.div, "/"],
  [ALU.or, "|"],
  [ALU.and, "&"],
  [ALU.xor, "^"],
  [ALU.lsh, "<<"],
  [ALU.rsh, ">>"],
]);

/** A program as people who know seccomp-tools expect to read it. */
export function formatListing(program: readonly BpfInstruction[]): string {
  const lines = disassemble(program).map(({ line, instruction, text, comment }) => {
    const { code, jumpTrue, jumpFalse, operand } = instruction;
    const columns = [field(code, 2), field(jumpTrue, 2), field(jumpFalse, 2), field(operand, 8)].join(" ");
    const statement = comment === null ? text : `${text.padEnd(STATEMENT_COLUMNS)}  # ${comment}`;
    return ` ${lineLabel(line)}: ${columns}  ${statement}`;
  });
  return `${[...HEADING, ...lines].join("\n")}\n`;
}

/** Lines with names of syscalls, arguments and constants. What has no exact words is written `raw CODE JT JF K`. */
export function disassemble(program: readonly BpfInstruction[]): ListingLine[] {
  const knowledge = knowledgeByLine(program);
  return program.map((instruction, line) => {
    const known = knowledge[line] as Knowledge;
    const words = describeStatement(instruction, line, known);
    // Bits that the statement does not show would be lost: then the fields themselves are the statement.
    const exact = words !== undefined && encodesAs(words, line, instruction);
    return { line, instruction, text: exact ? words : rawStatement(instruction), comment: describeLoad(instruction, known) };
  });
}

function encodesAs(text: string, line: number, wanted: BpfInstruction): boolean {
  const given = assembleStatement(text, { line, labels: new Map() });
  if (typeof given === "string") return false;
  const { code, jumpTrue, jumpFalse, operand } = given;
  return code === wanted.code && jumpTrue === wanted.jumpTrue && jumpFalse === wanted.jumpFalse && operand === wanted.operand;
}

function rawStatement({ code, jumpTrue, jumpFalse, operand }: BpfInstruction): string {
  return `raw ${[code, jumpTrue, jumpFalse, operand].map(hex).join(" ")}`;
}

function describeLoad({ code, operand }: BpfInstruction, known: Knowledge): string | null {
  if (code !== (CLASS.ld | MODE.abs) || operand % 4 !== 0) return null;
  const found = knownArgument({ ...known, offset: operand - (operand % 8) });
  return found === undefined ? null : `${found.argument.name} of ${found.syscall}`;
}

function describeStatement(instruction: BpfInstruction, line: number, known: Knowledge): string | undefined {
  const { code, operand } = instruction;
  const source = (code & SOURCE_X) === 0 ? hex(operand) : "X";
  switch (code & CLASS_MASK) {
    case CLASS.ld:
      return describeValue("A", instruction);
    case CLASS.ldx:
      return describeValue("X", instruction);
    case CLASS.st:
      return `mem[${operand}] = A`;
    case CLASS.stx:
      return `mem[${operand}] = X`;
    case CLASS.alu: {
      const operation = code & OPERATION_MASK;
      return operation === ALU.neg ? "A = -A" : `A ${OPERATORS.get(operation) ?? "?"}= ${source}`;
    }
    case CLASS.jmp:
      return describeJump(instruction, line, known);
    case CLASS.ret:
      return `return ${(code & RETURN_A) === 0 ? returnName(operand) : "A"}`;
    default:
      return (code & MISC_TXA) === 0 ? "X = A" : "A = X";
  }
}

function describeValue(register: "A" | "X", { code, operand }: BpfInstruction): string | undefined {
  switch (code & MODE_MASK) {
    case MODE.abs:
      return `${register} = ${wordName(operand)}`;
    case MODE.mem:
      return `${register} = mem[${operand}]`;
    case MODE.len:
      return `${register} = sizeof(struct seccomp_data)`;
    default:
      return `${register} = ${hex(operand)}`;
  }
}

/** A jump whose true end is the next line is written the other way round, as what makes it jump. */
function describeJump({ code, operand, jumpTrue, jumpFalse }: BpfInstruction, line: number, known: Knowledge): string {
  const operation = code & OPERATION_MASK;
  if (operation === JMP.ja) return `goto ${lineLabel(line + 1 + operand)}`;
  const inverted = jumpTrue === 0 && jumpFalse !== 0;
  const condition = describeCondition(operation, describeOperand({ code, operand }, known), inverted);
  if (inverted) return `if (${condition}) goto ${lineLabel(line + 1 + jumpFalse)}`;
  const otherwise = jumpFalse === 0 && jumpTrue !== 0 ? "" : ` else goto ${lineLabel(line + 1 + jumpFalse)}`;
  return `if (${condition}) goto ${lineLabel(line + 1 + jumpTrue)}${otherwise}`;
}

function describeOperand({ code, operand }: Pick<BpfInstruction, "code" | "operand">, known: Knowledge): string {
  if ((code & SOURCE_X) !== 0) return "X";
  const operation = code & OPERATION_MASK;
  if (operation === JMP.jeq) return operandName(operand, known);
  return operation === JMP.jset ? maskName(operand, known) : hex(operand);
}

function describeCondition(operation: number, right: string, inverted: boolean): string {
  switch (operation) {
    case JMP.jeq:
      return `A ${inverted ? "!=" : "=="} ${right}`;
    case JMP.jgt:
      return `A ${inverted ? "<=" : ">"} ${right}`;
    case JMP.jge:
      return `A ${inverted ? "<" : ">="} ${right}`;
    default:
      return inverted ? `!(A & ${right})` : `A & ${right}`;
  }
}

function lineLabel(line: number): string {
  return String(line).padStart(LINE_DIGITS, "0");
}

function field(value: number, digits: number): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}
