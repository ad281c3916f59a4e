import type { Command } from "commander";
import { EXIT } from "../../errors/index.js";
import { type CommandLine, CommandStarter, DeviceProxy, type Difference, replayRecording } from "../../protocol/index.js";
import { readRecording } from "./recording_file.js";
import { addSubject, parseDeadline } from "./subject.js";

interface ReplayOptions {
  readonly deadlineMs: number;
  readonly json?: boolean;
}

/** Longest wait for each answer unless it is told otherwise, in ms. */
const DEADLINE_MS = 5000;

export function addReplay(protocol: Command): void {
  addSubject(
    protocol
      .command("replay")
      .description("Ask a device process what was asked in a recording, and tell where it answers otherwise.")
      .argument("<recording>", "recording, or - for standard input"),
    "device process: its end of the channel is fd 3",
  )
    .option("--deadline-ms <ms>", "longest wait for each answer", parseDeadline, DEADLINE_MS)
    .option("--json", "print JSON (schemaVersion 1): {requests, differences: [{index, request, recorded, answered}]}")
    .addHelpText(
      "after",
      "\nMemory and eventfds are made anew: memory of zeros, as large as it was. Exits with 1 when an answer differs.\n" +
        "\nExamples:\n  bulkhead protocol replay recorded.jsonl -- ./my-device\n  bulkhead protocol replay --json recorded.jsonl -- ./my-device",
    )
    .action(async (file: string, command: CommandLine, { deadlineMs, json }: ReplayOptions) => {
      const records = readRecording(file);
      const starter = new CommandStarter(command);
      try {
        const device = await starter.startDevice();
        const proxy = new DeviceProxy({ fd: device.channelFd, name: command[0], deadlineMs });
        const differences = await replayRecording(records, proxy);
        proxy.close();
        const requests = records.filter(({ message }) => message.command !== "ret").length;
        process.stdout.write(
          json === true ? `${JSON.stringify({ schemaVersion: 1, requests, differences })}\n` : wordAll(requests, differences),
        );
        process.exitCode = differences.length === 0 ? EXIT.clean : EXIT.findings;
      } finally {
        starter.close();
      }
    });
}

function wordAll(requests: number, differences: readonly Difference[]): string {
  const lines = differences.map(
    ({ index, request, recorded, answered }) => `message ${index + 1}: ${request}: ${answered}; recorded was ${recorded}\n`,
  );
  return `${lines.join("")}${requests} requests, ${differences.length} answered otherwise\n`;
}
