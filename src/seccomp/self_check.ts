import { SeccompError } from "../errors/index.js";
import { describeAnswer, encodeAction } from "./action.js";
import { findProgramFault } from "./bpf_check.js";
import type { BpfProgram } from "./bpf_program.js";
import { AUDIT_ARCH_X86_64, emulate, type SyscallData, X32_BIT } from "./emulator.js";
import type { FilterRules } from "./phases.js";
import { probeArguments } from "./probe_calls.js";
import type { SyscallRule } from "./rule.js";
import { decideCall } from "./rule_semantics.js";
import { SYSCALL_NUMBERS, syscallName } from "./syscall_numbers.js";

/** Other arches a 64-bit x86 kernel or a mistaken caller may show: AUDIT_ARCH_I386, ARM, AARCH64, S390X, RISCV64, and none. */
const FOREIGN_ARCHES = [0x40000003, 0x40000028, 0xc00000b7, 0x80000016, 0xc00000f3, 0, 0xffffffff];
/** Beyond the last number of any x86-64 or x32 table: 547 is the highest of x32. */
const NUMBERS_TRIED = 1024;
const KILL_PROCESS = encodeAction({ kind: "kill-process" });

/**
 * Compares a compiled filter with its rules on boundary inputs: every syscall number, x32, foreign arches, and for each rule the
 * values around its bounds. It samples: a proof over all inputs is a piece of its own.
 * Throws SeccompError "filter-rejected", "rules-conflict" or "filter-differs", the last with the call that shows it.
 */
export function checkAgainstRules(program: BpfProgram, filter: FilterRules): void {
  const fault = findProgramFault(program.instructions);
  if (fault !== null) throw rejected(fault);
  for (const call of bareCalls()) expectAnswer(program, call, answerFor(filter, call));
  for (const syscall of new Set(filter.rules.map((rule) => rule.syscall))) {
    const number = SYSCALL_NUMBERS.get(syscall) as number;
    for (const args of probeArguments(filter, syscall)) {
      const call = { number, arch: AUDIT_ARCH_X86_64, args };
      expectAnswer(program, call, answerFor(filter, call));
    }
  }
}

function* bareCalls(): Generator<SyscallData> {
  const fillers = [[], Array.from({ length: 6 }, () => 0xffffffffffffffffn)];
  const numbers = [
    ...Array.from({ length: NUMBERS_TRIED }, (_, number) => number),
    X32_BIT - 1,
    0x7fffffff,
    0x80000000,
    0xffffffff,
  ];
  for (const args of fillers) {
    for (const number of numbers) {
      yield { number, arch: AUDIT_ARCH_X86_64, args };
      yield { number: (number | X32_BIT) >>> 0, arch: AUDIT_ARCH_X86_64, args };
      for (const arch of FOREIGN_ARCHES) yield { number, arch, args };
    }
  }
}

/** The rules' own answer. Foreign arches and x32 are killed whatever the rules say: their numbers mean other calls. */
function answerFor(filter: FilterRules, call: SyscallData): number {
  if (call.arch !== AUDIT_ARCH_X86_64 || (call.number & X32_BIT) !== 0) return KILL_PROCESS;
  const syscall = syscallName(call.number);
  if (syscall === undefined) return encodeAction(filter.otherwise);
  const decision = decideCall(filter, syscall, call.args);
  if (decision.conflict) throw conflicting(call, decision.matched);
  return encodeAction(decision.action);
}

function expectAnswer(program: BpfProgram, call: SyscallData, wanted: number): void {
  const given = emulate(program.instructions, call);
  if (given === wanted) return;
  throw new SeccompError({
    code: "filter-differs",
    tried: "Cannot trust the compiled filter",
    subject: syscallName(call.number) ?? String(call.number),
    answer: `${wordCall(call)} gets ${describeAnswer(given)}, and the policy says ${describeAnswer(wanted)}`,
    remedy: "Report this with the policy: the filter compiler is wrong for it. Nothing was loaded.",
  });
}

function wordCall({ number, arch, args }: SyscallData): string {
  const listed = args.map((arg) => `0x${arg.toString(16)}`).join(", ");
  const place = arch === AUDIT_ARCH_X86_64 ? "" : ` of arch 0x${arch.toString(16)}`;
  return `${syscallName(number) ?? `syscall 0x${number.toString(16)}`}(${listed})${place}`;
}

function conflicting(call: SyscallData, matched: readonly SyscallRule[]): SeccompError {
  const places = matched.map(({ position: { file, line, column } }) => `${file}:${line}:${column}`);
  return new SeccompError({
    code: "rules-conflict",
    tried: "Cannot compile the policy",
    subject: wordCall(call),
    answer: `the rules at ${places.join(" and ")} answer ${wordCall(call)} differently`,
    remedy: "Make their conditions exclude each other, so that every call has one answer.",
  });
}

function rejected(fault: string): SeccompError {
  return new SeccompError({
    code: "filter-rejected",
    tried: "Cannot use the compiled filter",
    subject: "BPF program",
    answer: `the kernel would refuse it: ${fault}`,
    remedy: "Shorten the policy, or report this with it.",
  });
}
