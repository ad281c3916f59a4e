import { type Command, Option } from "commander";
import { EXIT, type ExitCode } from "../../errors/index.js";
import { type CommandLine, type ConformanceResult, runConformance } from "../../protocol/index.js";
import { escapeControls } from "../../text/index.js";
import { ENDING_SIGNALS } from "../signals.js";
import { type RecordingFile, writeRecording } from "./recording_file.js";
import { addSubject, parseDeadline } from "./subject.js";

/** Options of whatever command runs the suite. */
export interface ConformOptions {
  readonly as: "device" | "vmm" | "qtest-vmm";
  readonly deadlineMs?: number;
  readonly record?: string;
  readonly json?: boolean;
}

/** Exit code of a shell for a program that a signal ended: 128 and the signal's number; SIGINT's is 2. */
const INTERRUPTED = 130;

export function addConform(protocol: Command): void {
  addSubject(
    protocol
      .command("conform")
      .description("Play the conformance suite to a device process or to a VMM, and tell which rules it breaks."),
    "program to test: its end of the channel is fd 3",
  )
    .addOption(
      new Option("--as <subject>", "what the program is; qtest-vmm is driven by -qtest stdio, its device in slot 4")
        .choices(["device", "vmm", "qtest-vmm"])
        .default("device"),
    )
    .option("--deadline-ms <ms>", "longest wait for each answer (default: 2000)", parseDeadline)
    .option("--record <file>", "write every message of the exchanges to a file, for `print` and `replay`")
    .option("--json", "print JSON (schemaVersion 1): {results: [{id, rule, verdict, evidence}]}")
    .addHelpText(
      "after",
      "\nThe program is started some 60 times, for each breach of the protocol once. Names and rules are those of docs/protocol.md.\n" +
        "Exits with 1 when a rule is broken.\n" +
        "\nExamples:\n  bulkhead protocol conform -- ./my-device\n  bulkhead protocol conform --record asked.jsonl -- ./my-device" +
        "\n  bulkhead protocol conform --as vmm -- qemu-system-x86_64 -S -nodefaults -display none -accel kvm -m 64M" +
        " -machine q35,memory-backend=m -object memory-backend-memfd,id=m,size=64M -device x-pci-proxy-dev,id=d,fd=3",
    )
    .action(async (command: CommandLine, options: ConformOptions) => {
      process.exitCode = await conform(command, options);
    });
}

/** Runs the suite, telling each verdict as it is known. */
export async function conform(command: CommandLine, { as, deadlineMs, record, json }: ConformOptions): Promise<ExitCode> {
  const recording: RecordingFile | null = record === undefined ? null : writeRecording(record);
  const interrupt = new AbortController();
  const stop = (): void => {
    interrupt.abort();
    process.exit(INTERRUPTED);
  };
  for (const signal of ENDING_SIGNALS) process.once(signal, stop);
  try {
    const results = await runConformance({
      command,
      subject: as,
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      onResult: (result) => {
        if (json !== true) process.stdout.write(wordResult(result));
      },
      onRecord: (one) => recording?.add(one),
      signal: interrupt.signal,
    });
    process.stdout.write(json === true ? `${JSON.stringify({ schemaVersion: 1, results })}\n` : wordCounts(results));
    return results.some(({ verdict }) => verdict === "failed") ? EXIT.findings : EXIT.clean;
  } finally {
    for (const signal of ENDING_SIGNALS) process.off(signal, stop);
    recording?.close();
  }
}

function wordResult({ id, rule, verdict, evidence }: ConformanceResult): string {
  const told = { passed: rule, failed: `${rule} Seen: ${evidence}`, inapplicable: `${rule} Not played: ${evidence}` }[verdict];
  return `${verdict} ${id}: ${escapeControls(told)}\n`;
}

function wordCounts(results: readonly ConformanceResult[]): string {
  const count = (wanted: ConformanceResult["verdict"]): number => results.filter(({ verdict }) => verdict === wanted).length;
  return `${count("passed")} passed, ${count("failed")} failed, ${count("inapplicable")} inapplicable\n`;
}
