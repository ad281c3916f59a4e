import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../support/harness.js";
import { OUR_DEVICES } from "../support/protocol/conformance_subjects.js";
import { type CommandResult, runBulkhead } from "../support/run_command.js";

const test = suite("bulkhead protocol", { timeoutMs: 30_000 });

const REFERENCE = OUR_DEVICES["reference device"];
const ENGINE = OUR_DEVICES["DMA engine"];

let directory: string;
test.before(() => {
  directory = mkdtempSync(join(tmpdir(), "bulkhead-protocol-"));
});
test.after(() => rmSync(directory, { recursive: true }));

function run(...args: readonly string[]): Promise<CommandResult> {
  return runBulkhead(["protocol", ...args], { environment: process.env, directory });
}

test("conform plays the suite to a device process, and what it recorded is printed, and answered again in the same way", async () => {
  const conform = await run("conform", "--record", "asked.jsonl", "--", ...REFERENCE);
  assert.is(conform.exitCode, 0, conform.stdout + conform.stderr);
  assert.match(conform.stdout, /^84 passed, 0 failed, 0 inapplicable$/m);
  assert.is(statSync(join(directory, "asked.jsonl")).mode & 0o777, 0o600);
  const print = await run("print", "asked.jsonl");
  assert.match(print.stdout, /^ {3}2 > set-irqfd with 2 fds\n {3}3 > config-read 0x0 4 bytes\n {3}4 < ret 0xb0d01234$/m);
  const json = JSON.parse((await run("print", "--json", "asked.jsonl")).stdout);
  assert.equal(json.messages[3], { line: 4, direction: "answer", command: "ret", fds: 0, text: "ret 0xb0d01234" });
  const same = await run("replay", "asked.jsonl", "--", ...REFERENCE);
  assert.is(same.exitCode, 0, same.stdout + same.stderr);
  assert.match(same.stdout, /^\d{4} requests, 0 answered otherwise$/m);
  const other = await run("replay", "--json", "asked.jsonl", "--", ...ENGINE);
  assert.is(other.exitCode, 1);
  const [first] = JSON.parse(other.stdout).differences;
  const expected = { index: 2, request: "config-read 0x0 4 bytes", recorded: "ret 0xb0d01234", answered: "ret 0x11001af4" };
  assert.equal(first, expected);
});

test("a program that is no device: every rule is broken, and it is told how", async () => {
  const { exitCode, stdout } = await run("conform", "--json", "--", "true");
  assert.is(exitCode, 1);
  const { results } = JSON.parse(stdout);
  assert.is(results.length, 84);
  assert.equal(new Set(results.map(({ verdict }: { verdict: string }) => verdict)), new Set(["failed"]));
});

test("a program that is no VMM: it asks nothing, and passes nothing", async () => {
  const { exitCode, stdout } = await run("conform", "--as", "vmm", "--", "true");
  assert.is(exitCode, 1);
  assert.match(stdout, /^0 passed, 22 failed, 0 inapplicable$/m);
});

test("comply --conformance is the same suite", async () => {
  const options = { environment: process.env, directory };
  const { exitCode, stdout, stderr } = await runBulkhead(["comply", "--conformance", "--", ...REFERENCE], options);
  assert.is(exitCode, 0, stdout + stderr);
  assert.match(stdout, /^84 passed, 0 failed, 0 inapplicable$/m);
  for (const args of [["--conformance"], ["true"], ["--", "true"]]) {
    const stray = await runBulkhead(["comply", ...args], options);
    assert.is(stray.exitCode, 2);
    assert.match(stray.stderr, "Run: bulkhead comply --conformance -- PROGRAM");
  }
});

const BAD: readonly (readonly [what: string, args: readonly string[], said: string | RegExp])[] = [
  ["no program", ["conform"], "missing required argument"],
  ["a program that is not there", ["conform", "--", "/no/such/device"], "Cannot start /no/such/device: ENOENT"],
  ["a subject that there is not", ["conform", "--as", "bridge", "--", "true"], "Allowed choices are device, vmm, qtest-vmm"],
  ["no deadline", ["conform", "--deadline-ms", "0", "--", "true"], "a whole number of ms"],
  [
    "a recording that cannot be written",
    ["conform", "--record", "/no/such/file", "--", "true"],
    "Cannot write /no/such/file: ENOENT",
  ],
  ["a recording that is not there", ["print", "absent.jsonl"], "Cannot read absent.jsonl"],
  ["a recording that is none", ["replay", "broken.jsonl", "--", "true"], "Cannot read broken.jsonl:1: it has no fds or no bytes"],
];

for (const [what, args, said] of BAD) {
  test(`${what}: exit 2, and it is said`, async () => {
    writeFileSync(join(directory, "broken.jsonl"), "{}\n");
    const { exitCode, stderr } = await run(...args);
    assert.is(exitCode, 2, stderr);
    assert.match(stderr, said);
  });
}

test("a line of a recording shows no control characters of whoever wrote it", async () => {
  const line = '{"command":"device-reset\\u001b[2J","fds":0,"bytes":"07000000000000000000000000000000"}';
  writeFileSync(join(directory, "escape.jsonl"), `${line}\n`);
  const { exitCode, stdout, stderr } = await run("print", "escape.jsonl");
  assert.is(exitCode, 2);
  assert.not.match(stdout + stderr, "\u001b");
});

test.run();
