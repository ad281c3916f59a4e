import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../../support/harness.js";
import { buildRoot } from "../../support/repository.js";

const test = suite("what is thrown where no command waits for it");

for (const [what, statement] of [
  ["an exception in a timer", 'throw new Error("red \\u001b[31m")'],
  ["a rejection that nobody handles", 'void Promise.reject(new Error("red \\u001b[31m"))'],
] as const) {
  test(`${what}: exit code 70, told as a bug of ours, without its control characters`, async () => {
    const program = `setTimeout(() => { ${statement}; }, 300);`;
    const importing = ["--import", `data:text/javascript,${encodeURIComponent(program)}`];
    // It reads its standard input, which does not end.
    const child = spawn(process.execPath, [...importing, join(buildRoot, "bundle/cli/main.js"), "run", "-"]);
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const [exitCode] = (await once(child, "close")) as [number];
    assert.is(exitCode, 70, stderr);
    assert.match(stderr, /^bulkhead: internal error, please report it\nError: red \\x1b\[31m/);
  });
}

test.run();
