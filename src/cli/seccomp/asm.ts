import type { Command } from "commander";
import { assemble, writeProgram } from "../../seccomp/index.js";
import { readInput, writeOutput } from "./read_input.js";

export function addAsm(seccomp: Command): void {
  seccomp
    .command("asm")
    .description("Assemble a listing, as disasm prints it or with labels as in seccomp-tools.")
    .argument("<file>", "listing, or - for standard input")
    .option("-o, --output <file>", "write the array of struct sock_filter there, - for standard output", "-")
    .option("--json", "print JSON instead: {instructions, sha256, program}, the program in base64")
    .addHelpText(
      "after",
      "\nThe program is not checked: a listing of what the kernel refuses can be assembled too.\n" +
        "\nExamples:\n  bulkhead seccomp asm filter.asm --output filter.bpf" +
        "\n  bulkhead seccomp asm --json - <filter.asm",
    )
    .action((file: string, options: { readonly output: string; readonly json?: boolean }) => {
      const { name, bytes } = readInput(file);
      const program = writeProgram(assemble(bytes.toString("utf8"), name));
      const { sha256, instructions } = program;
      if (options.json === true) {
        const described = { instructions: instructions.length, sha256, program: program.bytes.toString("base64") };
        process.stdout.write(`${JSON.stringify(described)}\n`);
      }
      if (options.json !== true || options.output !== "-") writeOutput(options.output, program.bytes);
    });
}
