import type { Command } from "commander";
import { AUDIT_ARCH_X86_64, effectOf, evaluate, formatListing, returnName } from "../../seccomp/index.js";
import { parseArguments, parseBits, parseSyscall } from "./call_arguments.js";
import { readLoadableProgram } from "./read_input.js";

interface EmulateOptions {
  readonly arch?: string;
  readonly ip?: string;
  readonly json?: boolean;
}

export function addEmulate(seccomp: Command): void {
  seccomp
    .command("emulate")
    .description("Tell what a program answers to one call, as the kernel would.")
    .argument("<program>", "array of struct sock_filter, or - for standard input")
    .argument("<syscall>", "name or number")
    .argument("[arguments...]", "up to six: decimal, 0x..., or negative")
    .option("--arch <number>", "AUDIT_ARCH_* of the caller (default: 0xc000003e, x86-64)")
    .option("--ip <number>", "address of the call's instruction (default: 0)")
    .option("--json", "print JSON: {action, data, line}")
    // Negative arguments would otherwise be taken for options.
    .allowUnknownOption()
    .addHelpText(
      "after",
      "\nExamples:\n  bulkhead seccomp emulate disk.bpf fcntl 3 4 0x800" +
        "\n  bulkhead seccomp emulate --json disk.bpf openat -100 0 0" +
        "\n  bulkhead seccomp emulate --arch 0x40000003 disk.bpf 3",
    )
    .action((file: string, syscall: string, words: readonly string[], options: EmulateOptions) => {
      const number = parseSyscall(syscall);
      const args = parseArguments(words);
      const arch = options.arch === undefined ? AUDIT_ARCH_X86_64 : Number(parseBits(options.arch, 32));
      const instructionPointer = options.ip === undefined ? 0n : parseBits(options.ip, 64);
      const { instructions } = readLoadableProgram(file);
      const { answer, line } = evaluate(instructions, { number, arch, args, instructionPointer });
      if (options.json === true) process.stdout.write(`${JSON.stringify({ ...effectOf(answer), line })}\n`);
      else
        process.stdout.write(
          `return ${returnName(answer)} at line ${String(line).padStart(4, "0")}\n${markLine(instructions, line)}`,
        );
    });
}

/** The listing's line that answered. */
function markLine(instructions: Parameters<typeof formatListing>[0], line: number): string {
  const lines = formatListing(instructions).split("\n");
  const headingLines = lines.length - 1 - instructions.length;
  return `${lines[headingLines + line]}\n`;
}
