import { type CommandFacts, type OptionFacts, withDescendants } from "./command_facts.js";

/** The completion of bash, without the helpers of the package bash-completion. */
export function bashCompletion(program: CommandFacts): string {
  const commands = withDescendants(program);
  return `# Completion of bulkhead for bash, made from the definitions of its commands: bulkhead completion bash
_bulkhead() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local command=${quote(program.path.join(" "))} word index
  COMPREPLY=()
  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    case "$command $word" in
${commands.flatMap((facts) => (facts.path.length > 1 ? [`      ${quote(facts.path.join(" "))}) command="$command $word" ;;`] : [])).join("\n")}
    esac
  done
  case "$command $previous" in
${commands.flatMap(valueCases).join("\n")}
  esac
  if [[ $current == -* ]]; then
    case $command in
${commands.map((facts) => `      ${quote(facts.path.join(" "))}) ${replyWords(facts.options.flatMap(namesOf))} ;;`).join("\n")}
    esac
    return
  fi
  case $command in
${commands.map((facts) => `    ${quote(facts.path.join(" "))}) ${replyArguments(facts)} ;;`).join("\n")}
  esac
}
complete -F _bulkhead bulkhead
`;
}

const FILES = 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current")';
/** Names of VMs on record: a directory of root's, so that others are offered none. */
const VMS = 'mapfile -t COMPREPLY < <(compgen -W "$(command ls /run/bulkhead/vms 2> /dev/null)" -- "$current")';

function valueCases(facts: CommandFacts): string[] {
  return facts.options.flatMap((option) => {
    if (option.value === null) return [];
    const words = namesOf(option).map((name) => quote(`${facts.path.join(" ")} ${name}`));
    const reply = option.choices.length > 0 ? replyWords(option.choices) : FILES;
    return [`    ${words.join(" | ")}) ${reply}; return ;;`];
  });
}

function replyArguments(facts: CommandFacts): string {
  if (facts.children.length > 0) return replyWords(facts.children.map((child) => child.path.at(-1) ?? ""));
  const [argument] = facts.arguments;
  if (argument === undefined) return ":";
  if (argument.choices.length > 0) return replyWords(argument.choices);
  return argument.name === "vm" ? VMS : FILES;
}

function replyWords(words: readonly string[]): string {
  return `mapfile -t COMPREPLY < <(compgen -W ${quote(words.join(" "))} -- "$current")`;
}

function namesOf({ short, long }: OptionFacts): string[] {
  return short === null || short === long ? [long] : [short, long];
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
