import type { ArgumentFacts, CommandFacts, OptionFacts } from "./command_facts.js";

/** The completion of zsh, in the terms of its _arguments: zshcompsys(1). */
export function zshCompletion(program: CommandFacts): string {
  return `#compdef bulkhead
# Completion of bulkhead for zsh, made from the definitions of its commands: bulkhead completion zsh

_bulkhead_vms() {
  local -a vms
  vms=(/run/bulkhead/vms/*(N:t))
  _describe VM vms
}

${functionsOf(program).join("\n\n")}

${functionName(program)} "$@"
`;
}

function functionName(facts: CommandFacts): string {
  return `_${facts.path.join("_").replaceAll("-", "_")}`;
}

function functionsOf(facts: CommandFacts): string[] {
  const own = facts.children.length > 0 ? groupFunction(facts) : leafFunction(facts);
  return [...facts.children.flatMap(functionsOf), own];
}

function leafFunction(facts: CommandFacts): string {
  const specs = [...facts.options.map(optionSpec), ...facts.arguments.map(argumentSpec)];
  return [`${functionName(facts)}() {`, `  _arguments -s ${specs.join(" ")}`, "}"].join("\n");
}

function groupFunction(facts: CommandFacts): string {
  const described = facts.children.map((child) => quote(`${lastWord(child)}:${child.summary.replaceAll(":", "\\:")}`));
  return [
    `${functionName(facts)}() {`,
    "  local context state line",
    "  local -a commands",
    `  commands=(${described.join(" ")})`,
    `  _arguments -C ${facts.options.map(optionSpec).join(" ")} '1: :->command' '*:: :->arguments'`,
    "  case $state in",
    "    command) _describe command commands ;;",
    "    arguments)",
    "      case $words[1] in",
    ...facts.children.map((child) => `        ${lastWord(child)}) ${functionName(child)} ;;`),
    "      esac ;;",
    "  esac",
    "}",
  ].join("\n");
}

function lastWord(facts: CommandFacts): string {
  return facts.path.at(-1) ?? "";
}

function optionSpec(option: OptionFacts): string {
  const { short, long, value, description } = option;
  const told = `[${description.replace(/[[\]:]/g, "\\$&")}]`;
  const taken = value === null ? "" : `:${value.replace(/[<>[\].]/g, "")}:${actionOf(option.choices, "file")}`;
  if (short === null || short === long) return quote(`${long}${told}${taken}`);
  return `${quote(`(${short} ${long})`)}{${short},${long}}${quote(`${told}${taken}`)}`;
}

function argumentSpec({ name, choices }: ArgumentFacts, index: number): string {
  const place = name.endsWith("...") ? "*" : String(index + 1);
  return quote(`${place}:${name.replace("...", "")}:${actionOf(choices, name)}`);
}

function actionOf(choices: readonly string[], name: string): string {
  if (choices.length > 0) return `(${choices.join(" ")})`;
  return name === "vm" ? "_bulkhead_vms" : "_files";
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
