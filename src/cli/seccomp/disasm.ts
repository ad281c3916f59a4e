import type { Command } from "commander";
import { disassemble, formatListing, readProgram } from "../../seccomp/index.js";
import { readInput } from "./read_input.js";

export function addDisasm(seccomp: Command): void {
  seccomp
    .command("disasm")
    .description("List a program with the names of syscalls, arguments and constants.")
    .argument("<program>", "array of struct sock_filter, or - for standard input")
    .option("--json", "print JSON: [{line, code, jt, jf, k, text, comment}]")
    .addHelpText("after", "\nExamples:\n  bulkhead seccomp disasm disk.bpf\n  bulkhead seccomp disasm - <disk.bpf >disk.asm")
    .action((file: string, options: { readonly json?: boolean }) => {
      const { instructions } = readProgram(readInput(file).bytes);
      if (options.json !== true) {
        process.stdout.write(formatListing(instructions));
        return;
      }
      const lines = disassemble(instructions).map(
        ({ line, instruction: { code, jumpTrue, jumpFalse, operand }, text, comment }) => {
          return { line, code, jt: jumpTrue, jf: jumpFalse, k: operand, text, comment };
        },
      );
      process.stdout.write(`${JSON.stringify(lines)}\n`);
    });
}
