import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { bashCompletion } from "../../../src/cli/manual/bash_completion.js";
import { describeCommand, withDescendants } from "../../../src/cli/manual/command_facts.js";
import { manPage, pageName } from "../../../src/cli/manual/man_page.js";
import { zshCompletion } from "../../../src/cli/manual/zsh_completion.js";
import { makeProgram } from "../../../src/cli/program.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";

const facts = describeCommand(await makeProgram(["completion"]));
const commands = withDescendants(facts);
const leaves = commands.filter((command) => command.children.length === 0);

let folder: string;
function makeFolder(): void {
  folder = mkdtempSync(join(tmpdir(), "bulkhead-manual-"));
  mkdirSync(join(folder, "man1"));
  for (const command of commands) writeFileSync(join(folder, "man1", `${pageName(command)}.1`), manPage(command, "0.1.0"));
}
const removeFolder = () => rmSync(folder, { recursive: true });

const test = suite("what is generated from the definitions of the commands");

test("every command says what it does, names its arguments, and has an example that begins with it", () => {
  assert.ok(leaves.length >= 8);
  for (const command of leaves) {
    const name = command.path.join(" ");
    assert.match(command.summary, /^[A-Z].*\.$/, name);
    assert.ok(command.examples.length > 0, `${name} has no example`);
    for (const example of command.examples) assert.ok(example.startsWith("bulkhead ") || example.startsWith("sudo "), example);
    assert.ok(
      command.examples.some((example) => example.startsWith(`${name} `) || example === name),
      `no example of ${name}`,
    );
    for (const { name: argument, description } of command.arguments) assert.ok(description !== "", `${name} ${argument}`);
    for (const { long, description } of command.options) assert.ok(description !== "", `${name} ${long}`);
  }
});

test("a page holds everything that --help says: options, arguments, notes and examples", () => {
  for (const command of commands) {
    const page = manPage(command, "0.1.0").replaceAll("\\-", "-").replaceAll("\\(aq", "'");
    for (const { long } of command.options) assert.ok(page.includes(long), `${pageName(command)}: ${long}`);
    for (const { name } of command.arguments) assert.ok(page.includes(`.I ${name}`), `${pageName(command)}: ${name}`);
    for (const example of command.examples) assert.ok(page.includes(example.replaceAll("^", "\\(ha")), example);
    for (const child of command.children) assert.ok(page.includes(`.BR ${pageName(child)} (1)`), pageName(child));
  }
});

/**
 * `seccomp emulate` takes what begins with a dash for a negative number, and then lacks its other arguments; commander looks for the
 * mandatory options of `seccomp dump`, `seccomp convert` and `comply verify` before it looks at others.
 */
function refusalOf(command: string | undefined): string {
  if (command === "emulate") return "commander.missingArgument";
  return ["dump", "convert", "verify"].includes(command ?? "")
    ? "commander.missingMandatoryOptionValue"
    : "commander.unknownOption";
}

test("every command refuses an option that it does not have", async () => {
  for (const { path } of leaves) {
    const program = await makeProgram(["completion"]);
    for (const command of [program, ...program.commands]) command.configureOutput({ writeErr: () => {} });
    const error = await program.parseAsync(["node", ...path, "--no-such-option"]).then(
      () => null,
      (cause: Error & { code?: string }) => cause,
    );
    assert.is(error?.code, refusalOf(path.at(-1)), path.join(" "));
  }
});

test("text of a definition is never a request of roff", () => {
  const evil = { ...(leaves[0] as (typeof leaves)[number]), notes: [".so /etc/passwd\n'so x", "a\\fBb"], examples: [".br"] };
  const lines = manPage(evil, "0.1.0").split("\n");
  assert.not.ok(lines.some((line) => /^[.']so|^\.br/.test(line)));
  assert.ok(lines.includes("\\&.so /etc/passwd") && lines.includes("a\\efBb"));
});

test.run();

const pages = suite("man pages, read by groff and man-db", { needs: ["man"], timeoutMs: 20_000 });
pages.before(makeFolder);
pages.after(removeFolder);

pages("every page: groff warns of nothing, and its name can be found", () => {
  for (const command of commands) {
    const page = join(folder, "man1", `${pageName(command)}.1`);
    // Not `man --warnings`: that of Debian 12 says nothing of a macro that does not exist.
    const formatted = spawnSync("groff", ["-man", "-ww", "-z", "-Tutf8", page], { encoding: "utf8" });
    assert.is(formatted.stderr, "", pageName(command));
    assert.is(formatted.status, 0);
    const named = spawnSync("lexgrog", [page], { encoding: "utf8" });
    assert.match(named.stdout, `"${pageName(command)} - `, `no NAME that whatis finds: ${named.stdout}`);
  }
});

pages.run();

const bash = suite("completion of bash", { timeoutMs: 20_000 });
bash.before(makeFolder);
bash.after(removeFolder);

/** What bash would offer for the last of these words. */
function offer(...words: readonly string[]): string[] {
  const script = join(folder, "bulkhead.bash");
  writeFileSync(script, bashCompletion(facts));
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const program = `source ${script}; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; compopt() { :; }; _bulkhead; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const run = spawnSync("bash", ["-c", program], { cwd: folder, encoding: "utf8" });
  assert.is(run.stderr, "");
  return run.stdout.split("\n").filter((line) => line !== "");
}

bash("commands, options of each, files, and the value of an option", () => {
  assert.equal(
    offer("bulkhead", ""),
    facts.children.map((child) => child.path.at(-1)),
  );
  for (const command of leaves.filter((leaf) => leaf.path.length === 2)) {
    const words = [...command.path, "--"];
    assert.equal(
      offer(...words),
      command.options.map(({ long }) => long).filter((long) => long.startsWith("--")),
    );
  }
  writeFileSync(join(folder, "a vm.yaml"), "");
  assert.equal(offer("bulkhead", "run", "a"), ["a vm.yaml"]);
  assert.equal(offer("bulkhead", "run", "--host-file", "a"), ["a vm.yaml"]);
  assert.equal(offer("bulkhead", "completion", ""), ["bash", "zsh"]);
});

bash.run();

const zsh = suite("completion of zsh", { needs: ["zsh"], timeoutMs: 20_000 });
zsh.before(makeFolder);
zsh.after(removeFolder);

zsh("zsh reads it without a complaint, and finds a function for every command", () => {
  const script = join(folder, "_bulkhead");
  writeFileSync(script, zshCompletion(facts));
  const names = commands.map((command) => `_${command.path.join("_").replaceAll("-", "_")}`);
  const define = `compdef() { :; }; _arguments() { :; }; source ${script}; for name in ${names.join(" ")}; do functions $name > /dev/null || print missing $name; done`;
  const run = spawnSync("zsh", ["-f", "-c", define], { encoding: "utf8" });
  assert.is(run.status, 0, run.stderr);
  assert.is(run.stderr + run.stdout, "");
});

zsh.run();

const unit = suite("unit template of systemd", { needs: ["systemd-analyze", "man"], timeoutMs: 30_000 });
unit.before(makeFolder);
unit.after(removeFolder);

unit("systemd-analyze verify has nothing to say, and the pages that the unit names are there", () => {
  const template = readFileSync(join(repositoryRoot, "examples/systemd/bulkhead@.service"), "utf8");
  // The one path that depends on the installation; verify looks whether it can be executed.
  const program = join(folder, "bulkhead");
  copyFileSync(process.execPath, program);
  assert.match(template, /^ExecStart=\/usr\/local\/bin\/bulkhead run /m);
  const file = join(folder, "bulkhead@.service");
  writeFileSync(file, template.replaceAll("/usr/local/bin/bulkhead", program));
  const env = { ...process.env, MANPATH: folder, SYSTEMD_LOG_LEVEL: "notice" };
  const verified = spawnSync("systemd-analyze", ["verify", "--man=yes", join(folder, "bulkhead@web1.service")], {
    env,
    encoding: "utf8",
  });
  const ours = (verified.stderr + verified.stdout).split("\n").filter((line) => line.includes("bulkhead"));
  assert.equal(ours, []);
  assert.is(verified.status, 0, verified.stderr);
});

unit("its commands are ones that the program has", () => {
  const template = readFileSync(join(repositoryRoot, "examples/systemd/bulkhead@.service"), "utf8");
  const named = [...template.matchAll(/^Exec\w+=-?\/usr\/local\/bin\/bulkhead (\w+)/gm)].map((match) => match[1]);
  assert.is(named.length, 2);
  for (const name of named)
    assert.ok(
      leaves.some((leaf) => leaf.path.at(-1) === name),
      name,
    );
});

unit.run();
