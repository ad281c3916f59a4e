import type { Command } from "commander";
import { SpecError } from "../errors/index.js";
import { askSupervisor, parseMonitorArguments } from "../machine/index.js";
import { VMM_ID } from "../spec/index.js";
import { openDirectories } from "../state/index.js";
import { printableJson } from "../text/index.js";
import { requireSupervised } from "./known_vm.js";

export function addQmp(program: Command): void {
  program
    .command("qmp")
    .description("Ask the monitor of one of a VM's processes, with a command that only reads.")
    .argument("<vm>", "name of the VM")
    .argument(
      "<words...>",
      "[PROCESS] COMMAND [ARGUMENTS]: the process is `vmm` when it is left out; the arguments are a JSON object",
    )
    .addHelpText(
      "after",
      "\nThe VM's supervisor asks, over the monitor that it holds; there is no other way to it. Commands that change the VM, open\n" +
        "paths, or need system calls that the process may make only while it starts are refused with the reason, exit code 2.\n" +
        "\nExamples:\n  bulkhead qmp web1 query-status\n  bulkhead qmp web1 disk0 query-block\n" +
        '  bulkhead qmp web1 qom-list \'{"path": "/machine"}\'',
    )
    .action(async (vm: string, words: readonly string[]) => {
      const { process: id, command, text } = splitWords(words);
      const args = text === null ? {} : parseArguments(text);
      const run = requireSupervised(openDirectories(), vm);
      const answer = await askSupervisor(run, { request: "qmp", process: id, command, arguments: args });
      process.stdout.write(`${printableJson(answer, 2)}\n`);
    });
}

function splitWords(words: readonly string[]): { process: string; command: string; text: string | null } {
  const last = words.at(-1) ?? "";
  const text = words.length > 1 && last.trimStart().startsWith("{") ? last : null;
  const names = text === null ? words : words.slice(0, -1);
  const [first = "", second] = names;
  if (names.length <= 2) return { process: second === undefined ? VMM_ID : first, command: second ?? first, text };
  throw new SpecError({
    code: "words-unclear",
    tried: `Cannot read ${JSON.stringify(words.join(" "))} as a monitor command`,
    subject: words.join(" "),
    answer: "it has more than a process, a command and a JSON object",
    remedy: "Quote the JSON object as one word.",
  });
}

function parseArguments(text: string): Record<string, unknown> {
  const parsed = parseMonitorArguments(text);
  if (typeof parsed !== "string") return parsed;
  throw new SpecError({
    code: "arguments-garbled",
    tried: "Cannot read the arguments of the monitor command",
    subject: text,
    answer: parsed,
    remedy: 'Give a JSON object such as \'{"path": "/machine"}\'.',
  });
}
