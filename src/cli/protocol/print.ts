import type { Command } from "commander";
import { describeMessage, type RecordedMessage } from "../../protocol/index.js";
import { readRecording } from "./recording_file.js";

export function addPrint(protocol: Command): void {
  protocol
    .command("print")
    .description("Print a recording, a line for each message: requests with >, answers with <.")
    .argument(
      "<recording>",
      "file that `bulkhead protocol conform --record` or a program of yours wrote, or - for standard input",
    )
    .option("--json", "print JSON (schemaVersion 1): {messages: [{line, direction, command, fds, text}]}")
    .addHelpText(
      "after",
      "\nExamples:\n  bulkhead protocol print recorded.jsonl | less\n  bulkhead protocol print --json recorded.jsonl",
    )
    .action((file: string, { json }: { readonly json?: boolean }) => {
      const records = readRecording(file);
      if (json === true) {
        process.stdout.write(`${JSON.stringify({ schemaVersion: 1, messages: records.map(describe) })}\n`);
        return;
      }
      const width = String(records.length).length;
      process.stdout.write(records.map((record, index) => wordLine(record, String(index + 1).padStart(width))).join(""));
    });
}

function wordLine({ message, fdCount }: RecordedMessage, line: string): string {
  const fds = fdCount === 0 ? "" : ` with ${fdCount} fd${fdCount === 1 ? "" : "s"}`;
  return `${line} ${message.command === "ret" ? "<" : ">"} ${describeMessage(message)}${fds}\n`;
}

function describe({ message, fdCount }: RecordedMessage, index: number): object {
  const direction = message.command === "ret" ? "answer" : "request";
  return { line: index + 1, direction, command: message.command, fds: fdCount, text: describeMessage(message) };
}
