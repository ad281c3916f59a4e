import type { EventEmitter } from "node:events";
import type { Command, Option } from "commander";

/** A command as its definition says it, for whatever is generated from it. */
export interface CommandFacts {
  /** `bulkhead`, `run`: every word that names it. */
  readonly path: readonly string[];
  /** One sentence. */
  readonly summary: string;
  /** `[options] <file>`. */
  readonly usage: string;
  readonly arguments: readonly ArgumentFacts[];
  readonly options: readonly OptionFacts[];
  /** Paragraphs of the help text before its examples. */
  readonly notes: readonly string[];
  /** Command lines, each as a person types it. */
  readonly examples: readonly string[];
  readonly children: readonly CommandFacts[];
}

export interface ArgumentFacts {
  readonly name: string;
  readonly description: string;
  /** What may stand there; empty when anything may. */
  readonly choices: readonly string[];
}

export interface OptionFacts {
  /** `-v`; null when it has none. */
  readonly short: string | null;
  readonly long: string;
  /** `<file>` as the definition writes it; null for a flag. */
  readonly value: string | null;
  readonly description: string;
  readonly choices: readonly string[];
}

/** Reads the definition of a command and of those below it. */
export function describeCommand(command: Command, above: readonly string[] = []): CommandFacts {
  const path = [...above, command.name()];
  const help = command.createHelp();
  const { notes, examples } = splitHelpText(textAfterHelp(command));
  return {
    path,
    summary: command.description(),
    usage: command.usage(),
    arguments: help.visibleArguments(command).map((argument) => {
      return { name: argument.name(), description: argument.description, choices: argument.argChoices ?? [] };
    }),
    options: help.visibleOptions(command).map(describeOption),
    notes,
    examples,
    // `help [command]` is commander's own, and says what --help says.
    children: help
      .visibleCommands(command)
      .filter((child) => child.name() !== "help")
      .map((child) => describeCommand(child, path)),
  };
}

function describeOption(option: Option): OptionFacts {
  const [value = null] = /[<[].*[>\]]/.exec(option.flags) ?? [];
  const { short, long, description, argChoices } = option;
  return { short: short ?? null, long: long ?? short ?? "", value, description, choices: argChoices ?? [] };
}

/** What addHelpText("after", TEXT) was told, which commander keeps in listeners of an event. */
function textAfterHelp(command: Command): string {
  let text = "";
  const write = (chunk: string): void => {
    text += chunk;
  };
  // Commands are emitters, which commander's types leave out.
  (command as unknown as EventEmitter).emit("afterHelp", { error: false, command, write });
  return text;
}

const EXAMPLES = /^Examples:$/m;

function splitHelpText(text: string): { notes: string[]; examples: string[] } {
  const [before = "", after = ""] = text.split(EXAMPLES);
  const lines = (part: string): string[] => part.split("\n").map((line) => line.trim());
  return {
    notes: before
      .split(/\n\s*\n/)
      .map((paragraph) => lines(paragraph).join("\n").trim())
      .filter((paragraph) => paragraph !== ""),
    examples: lines(after).filter((line) => line !== ""),
  };
}

/** A command and all below it, parents first. */
export function withDescendants(facts: CommandFacts): CommandFacts[] {
  return [facts, ...facts.children.flatMap(withDescendants)];
}
