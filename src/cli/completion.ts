import { Argument, type Command } from "commander";
import { describeCommand } from "./manual/command_facts.js";

export function addCompletion(program: Command): void {
  program
    .command("completion")
    .description("Print the completion of a shell: commands, options, files and names of VMs.")
    .addArgument(new Argument("<shell>", "the shell to complete in").choices(["bash", "zsh"]))
    .addHelpText(
      "after",
      "\nExamples:\n  bulkhead completion bash > /usr/share/bash-completion/completions/bulkhead\n" +
        "  bulkhead completion zsh > /usr/share/zsh/vendor-completions/_bulkhead",
    )
    .action(async (shell: "bash" | "zsh") => {
      const facts = describeCommand(program);
      const { bashCompletion } = await import("./manual/bash_completion.js");
      const { zshCompletion } = await import("./manual/zsh_completion.js");
      process.stdout.write(shell === "bash" ? bashCompletion(facts) : zshCompletion(facts));
    });
}
