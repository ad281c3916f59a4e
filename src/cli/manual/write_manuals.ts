// Writes the man pages and completions of every command below a folder: node dist/src/cli/manual/write_manuals.js FOLDER
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeProgram } from "../program.js";
import { bashCompletion } from "./bash_completion.js";
import { describeCommand, withDescendants } from "./command_facts.js";
import { manPage, pageName } from "./man_page.js";
import { zshCompletion } from "./zsh_completion.js";

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: write_manuals.js FOLDER");

const program = await makeProgram(["completion"]);
const facts = describeCommand(program);
const pages = join(folder, "man/man1");
const completions = join(folder, "completion");
rmSync(folder, { recursive: true, force: true });
for (const directory of [pages, completions]) mkdirSync(directory, { recursive: true });
for (const command of withDescendants(facts)) {
  writeFileSync(join(pages, `${pageName(command)}.1`), manPage(command, program.version() ?? ""));
}
writeFileSync(join(completions, "bulkhead.bash"), bashCompletion(facts));
writeFileSync(join(completions, "_bulkhead"), zshCompletion(facts));
