import { SeccompInputError } from "../../errors/index.js";
import { INSTRUCTIONS_MAX } from "../bpf_opcodes.js";
import type { BpfInstruction } from "../bpf_program.js";
import { assembleStatement } from "./assemble_statement.js";

/** Longest text that is assembled, in characters: 4,096 lines of a listing have some 400,000. */
const TEXT_LENGTH_MAX = 1024 * 1024;
/** Longest line, in characters: the longest statement has some 150. It also bounds what matching a line costs. */
const LINE_LENGTH_MAX = 1000;
/** Problems that one error names; the rest is counted. */
const PROBLEMS_SHOWN_MAX = 20;

interface Statement {
  readonly text: string;
  /** 1-based line of the file. */
  readonly fileLine: number;
}

const HEADING = /^\s*(line\s+CODE\s+JT\s+JF\s+K|=+)\s*$/;
/** ` 0003: 0x15 0x00 0x08 0xc000003e  `: the fields are there to be read by people, the statement counts. */
const COLUMNS = /^\s*(\d{1,10}):\s+0x[0-9a-f]{2,4}\s+0x[0-9a-f]{2}\s+0x[0-9a-f]{2}\s+0x[0-9a-f]{8}\s*/i;
const LABEL = /^\s*([A-Za-z_][A-Za-z0-9_]*)\s*:(?!:)\s*/;

/**
 * Reads what `disassemble` writes, and what seccomp-tools assembles: statements with labels, comments behind `#`. A jump names a
 * label, `next`, or a line number counted from 0. Throws SeccompInputError "listing-invalid" with all problems as
 * `file:line: message`. The result is not checked as the kernel would: a listing of a bad program can be assembled.
 */
export function assemble(text: string, file: string): BpfInstruction[] {
  if (text.length > TEXT_LENGTH_MAX) throw invalid(file, [`${file}: ${text.length} characters; ${TEXT_LENGTH_MAX} is the most`]);
  const problems: string[] = [];
  const labels = new Map<string, number>();
  const statements: Statement[] = [];
  text.split(/\r?\n/).forEach((line, index) => {
    const refuse = (message: string): void => void problems.push(`${file}:${index + 1}: ${message}`);
    const statement = readLine(line, { labels, count: statements.length, refuse });
    if (statement !== "") statements.push({ text: statement, fileLine: index + 1 });
  });
  if (statements.length === 0) problems.push(`${file}: no statement`);
  if (statements.length > INSTRUCTIONS_MAX)
    problems.push(`${file}: ${statements.length} statements; ${INSTRUCTIONS_MAX} is the most`);
  const instructions = statements.flatMap((statement, line) => {
    const given = assembleStatement(statement.text, { line, labels });
    if (typeof given !== "string") return [given];
    problems.push(`${file}:${statement.fileLine}: ${given}`);
    return [];
  });
  if (problems.length > 0) throw invalid(file, problems);
  return instructions;
}

/** The statement of a line, empty where there is none; its labels are noted. */
function readLine(
  line: string,
  context: { readonly labels: Map<string, number>; readonly count: number; readonly refuse: (message: string) => void },
): string {
  if (line.length > LINE_LENGTH_MAX) context.refuse(`${line.length} characters; ${LINE_LENGTH_MAX} is the most`);
  const [code = ""] = line.slice(0, LINE_LENGTH_MAX).split("#", 1);
  if (HEADING.test(code)) return "";
  const columns = COLUMNS.exec(code);
  if (columns !== null && Number(columns[1]) !== context.count)
    context.refuse(`this line is numbered ${columns[1]} and is line ${context.count}`);
  let rest = code.slice(columns?.[0].length ?? 0);
  for (let label = LABEL.exec(rest); label !== null; label = LABEL.exec(rest)) {
    const name = label[1] as string;
    if (context.labels.has(name)) context.refuse(`the label ${name} stands twice`);
    context.labels.set(name, context.count);
    rest = rest.slice(label[0].length);
  }
  return rest.trim();
}

function invalid(file: string, problems: readonly string[]): SeccompInputError {
  const shown = problems.slice(0, PROBLEMS_SHOWN_MAX);
  if (shown.length < problems.length) shown.push(`and ${problems.length - shown.length} more problems`);
  return new SeccompInputError({ code: "listing-invalid", tried: shown.join("\n"), subject: file });
}
