import type { CommandFacts, OptionFacts } from "./command_facts.js";

/** `bulkhead-run`: the name of a command's page. */
export function pageName(facts: CommandFacts): string {
  return facts.path.join("-");
}

/** The page of a command in section 1, in the man macros of groff_man(7). Without a date: it is the same whenever it is made. */
export function manPage(facts: CommandFacts, version: string): string {
  const name = pageName(facts);
  const title = `.TH ${quote(name.toUpperCase())} 1 "" ${quote(`Bulkhead ${version}`)} "User Commands"`;
  const sections = [
    section("NAME", [`${text(name)} \\- ${text(uncapitalise(facts.summary))}`]),
    section("SYNOPSIS", [`.B ${text(facts.path.join(" "))}`, text(facts.usage)]),
    section("DESCRIPTION", paragraphs([facts.summary, ...facts.notes])),
    section(
      "ARGUMENTS",
      facts.arguments.flatMap((argument) => tagged(`.I ${text(argument.name)}`, wordChoices(argument))),
    ),
    section(
      "OPTIONS",
      facts.options.flatMap((option) => tagged(`.B ${optionTag(option)}`, wordChoices(option))),
    ),
    section(
      "COMMANDS",
      facts.children.flatMap((child) => tagged(`.BR ${pageName(child)} (1)`, text(child.summary))),
    ),
    section(
      "EXIT STATUS",
      EXIT_STATUS.flatMap(([code, meaning]) => tagged(`.B ${code}`, meaning)),
    ),
    section("EXAMPLES", facts.examples.length === 0 ? [] : [".nf", ...facts.examples.map(line), ".fi"]),
    section("FILES", facts.children.length === 0 ? [] : FILES.flatMap(([file, meaning]) => tagged(`.I ${text(file)}`, meaning))),
    section("SEE ALSO", [seeAlso(facts)]),
  ];
  return `${[title, ...sections].filter((part) => part !== "").join("\n")}\n`;
}

/** The codes of src/errors, as README.md has them. */
const EXIT_STATUS = [
  ["0", "clean"],
  ["1", "findings: something differs from its plan, or is not fully enforced"],
  ["2", "bad input: a file or the command line"],
  ["3", "this host cannot do it, or could not answer"],
  ["4", "the VM ended by the death of a device"],
  ["5", "the VM ended by an intrusion signal: a process made a call that its filter refuses"],
  ["70", "a bug of Bulkhead"],
] as const;

const FILES = [
  ["/etc/bulkhead/host.yaml", "what the administrator permits every VM; root\\(aqs alone to write"],
  ["/run/bulkhead", "VMs on record, and what is reserved for them"],
  ["/var/cache/bulkhead", "private roots and compiled filters; may be deleted at any time"],
  ["/var/log/bulkhead/events.jsonl", "what happened, one JSON object on each line"],
] as const;

function section(heading: string, lines: readonly string[]): string {
  return lines.length === 0 ? "" : [`.SH ${quote(heading)}`, ...lines].join("\n");
}

function tagged(tag: string, meaning: string): string[] {
  return [".TP", tag, meaning];
}

function paragraphs(written: readonly string[]): string[] {
  return written.flatMap((paragraph, index) => [...(index === 0 ? [] : [".PP"]), ...paragraph.split("\n").map(line)]);
}

function optionTag({ short, long, value }: OptionFacts): string {
  const names = short === null || short === long ? [long] : [short, long];
  return text(`${names.join(", ")}${value === null ? "" : ` ${value}`}`);
}

function wordChoices({ description, choices }: { readonly description: string; readonly choices: readonly string[] }): string {
  return text(choices.length === 0 ? description : `${description}: ${choices.join(" or ")}`);
}

function seeAlso(facts: CommandFacts): string {
  if (facts.path.length > 1) return `.BR ${facts.path[0] ?? ""} (1)`;
  return [...facts.children.map((child) => `.BR ${pageName(child)} (1)`)].join(",\n");
}

function uncapitalise(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/, "");
}

/** Text inside a line: a minus sign that can be copied, and no escape of roff's. */
function text(written: string): string {
  return written
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("`", "\\(ga")
    .replaceAll("^", "\\(ha")
    .replaceAll("~", "\\(ti");
}

/** A whole line: a dot or a quote at its start would be a request. */
function line(written: string): string {
  const escaped = text(written);
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

function quote(argument: string): string {
  return `"${argument.replaceAll('"', "\\(dq")}"`;
}
