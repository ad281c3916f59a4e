import { execFileSync } from "node:child_process";
import * as assert from "uvu/assert";
import { parseLabArguments } from "../../../src/compliance/lab/command_line.js";
import { isOfGeneration } from "../../../src/compliance/lab/generation.js";
import { quote, writeJobScript } from "../../../src/compliance/lab/job_script.js";
import { planLabArguments } from "../../../src/compliance/lab/lab_machine.js";
import { suite } from "../../support/harness.js";

const test = suite("lab command line");

test("arguments: options end at the command, whose own options stay its own", () => {
  const invocation = parseLabArguments(["--timeout", "60", "--console", "ls", "--results", "-l"]);
  assert.equal(invocation.argv, ["ls", "--results", "-l"]);
  assert.is(invocation.commandTimeoutMs, 60_000);
  assert.is(invocation.resultsDirectory, null);
  assert.ok(invocation.showConsole);
});

test("arguments: shell and build are words of ours, unless more words or two dashes say otherwise", () => {
  assert.is(parseLabArguments(["shell"]).action, "shell");
  assert.is(parseLabArguments(["build"]).action, "build");
  assert.is(parseLabArguments(["build", "all"]).action, "run");
  assert.equal(parseLabArguments(["--", "--console"]).argv, ["--console"]);
  assert.equal(parseLabArguments(["--", "shell"]), { ...parseLabArguments(["x"]), argv: ["shell"] });
});

for (const args of [
  [],
  ["--console"],
  ["--nonsense", "ls"],
  ["--timeout"],
  ["--timeout", "1e3", "ls"],
  ["--memory", "-1", "ls"],
  ["--kernel", "mine", "ls"],
]) {
  test(`arguments: "${args.join(" ")}" is refused with exit code 2`, () => {
    assert.throws(
      () => parseLabArguments(args),
      (error: { exitCode: number }) => error.exitCode === 2,
    );
  });
}

test("job script: arguments reach the command as they are", () => {
  const argv = ["printf", "%s|", "it's Bob's", "$HOME", "a b", "", "`x`", "new\nline", "*"];
  const script = writeJobScript({ kind: "argv", argv }, { LAB_TEST: "v'1 $x" });
  assert.is(execFileSync("sh", ["-c", script], { encoding: "utf8" }), `${argv.slice(2).join("|")}|`);
  const environment = writeJobScript({ kind: "argv", argv: ["printenv", "LAB_TEST"] }, { LAB_TEST: "v'1 $x" });
  assert.is(execFileSync("sh", ["-c", environment], { encoding: "utf8" }), "v'1 $x\n");
  assert.is(quote("a'b"), `'a'\\''b'`);
});

const MACHINE = {
  bootFiles: { kernel: "/c/vmlinuz", initrd: "/c/initrd.img" },
  disk: "/c/disk.img",
  projectDisk: "/c/a,b.img",
  modulesDisk: "/c/modules.img",
  resultsDisk: "/c/results.img",
  memoryMib: 1024,
  interactive: false,
};

test("machine: every disk but the results is a throw-away overlay, and a comma in a path stays one path", () => {
  const drives = planLabArguments(MACHINE).filter((word) => word.startsWith("if=none"));
  assert.equal(
    drives.map((drive) => /snapshot=(\w+)/.exec(drive)?.[1]),
    ["on", "on", "on", "off"],
  );
  assert.ok(drives[1]?.includes("file=/c/a,,b.img,"));
});

test("machine: cores have two threads, a panic ends QEMU, no path is listened on", () => {
  const words = planLabArguments(MACHINE);
  assert.ok(words.includes("4,sockets=1,cores=2,threads=2"));
  assert.ok(words.includes("-no-reboot"));
  assert.ok(words.some((word) => word.includes("panic=-1 oops=panic")));
  assert.not.ok(words.some((word) => /path=|server/.test(word)));
});

test("machine: only a shell gets a terminal", () => {
  assert.not.ok(planLabArguments(MACHINE).includes("virtconsole,chardev=shell"));
  assert.ok(planLabArguments({ ...MACHINE, interactive: true }).includes("virtconsole,chardev=shell"));
});

test("generation: a version belongs to the generation whose parts it starts with", () => {
  assert.ok(isOfGeneration("10.0.13", "10"));
  assert.ok(isOfGeneration("7.2.22", "7.2"));
  assert.not.ok(isOfGeneration("1.10.0", "10"));
  assert.not.ok(isOfGeneration("10.1.0", "11"));
  assert.not.ok(isOfGeneration("7.20.1", "7.2"));
});

test.run();
