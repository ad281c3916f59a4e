import { spawnSync } from "node:child_process";
import { chownSync, linkSync, mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import * as assert from "uvu/assert";
import { BulkheadError, parseVmText, previewPlan } from "../../src/index.js";
import { GOOD_VM, vmFileTexts } from "../support/bad_files.js";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture } from "../support/machine_fixture.js";
import { runBulkhead } from "../support/run_command.js";

const test = suite("bad input, generated and known", {
  needs: ["root", "qemu-tcg", "qemu-img", "user-namespaces"],
  timeoutMs: 120_000,
});
let fixture: MachineFixture;
let filesBefore: string[];

const SEED = 4;
const FILES = 1000;
/** Of the files that were refused, how many go through the command too; each takes some 300 ms. */
const COMMANDS = 12;

test.before(async () => {
  fixture = await makeFixture();
  makeOddFiles();
  filesBefore = readdirSync(fixture.directory).sort();
});
test.after(() => fixture.remove());
test.afterEach(() => assert.equal(fixture.leftovers(), []));

const place = (name: string) => join(fixture.directory, name);

/** One of everything that is no image, beside good ones. */
function makeOddFiles(): void {
  for (const name of ["good.img", "stranger.img", "hard"]) writeFileSync(place(name), "x".repeat(1024));
  truncateSync(place("good.img"), 1024 * 1024);
  chownSync(place("stranger.img"), 4321, 0);
  linkSync(place("hard"), place("hard2"));
  mkdirSync(place("dir"));
  symlinkSync(".", place("way"));
  symlinkSync("good.img", place("link"));
  symlinkSync("nowhere", place("dangling"));
  symlinkSync("/proc/self/fd/0", place("magic"));
  const commands = [
    ["mkfifo", "fifo"],
    ["mknod", "null", "c", "1", "3"],
    ["qemu-img", "create", "-q", "-f", "qcow2", "base.qcow2", "8M"],
    ["qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.qcow2", "-F", "qcow2", "top.qcow2"],
    ["qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file=data.raw", "data.qcow2", "8M"],
  ] as const;
  for (const [program, ...args] of commands) assert.is(spawnSync(program, args, { cwd: fixture.directory }).status, 0, program);
  writeFileSync(place("cut.qcow2"), readFileSync(place("base.qcow2")).subarray(0, 100));
}

/** What became of one text: null for a plan. */
async function outcomeOf(text: string): Promise<BulkheadError | null> {
  try {
    const spec = parseVmText(text, { file: "bad.yaml", directory: fixture.directory });
    await previewPlan({ ...(await request()), spec });
    return null;
  } catch (error) {
    if (error instanceof BulkheadError) return error;
    throw new Error(`not one of our errors for ${text}`, { cause: error });
  }
}

let known: Awaited<ReturnType<MachineFixture["request"]>> | undefined;
async function request() {
  known ??= await fixture.request(JSON.stringify(GOOD_VM));
  return known;
}

const openFds = () => readdirSync("/proc/self/fd").length;
const children = () => readFileSync(`/proc/self/task/${process.pid}/children`, "utf8");

let refused: { text: string; error: BulkheadError }[] = [];

test("the file that all others are made from is good", async () => {
  const error = await outcomeOf(JSON.stringify(GOOD_VM));
  assert.is(error, null, error?.message);
});

test(`${FILES} generated files: each is planned or refused in words, with exit code 2 or 3; no fd, file or process is left`, async () => {
  const [fdsBefore, childrenBefore] = [openFds(), children()];
  const texts = fc.sample(vmFileTexts, { seed: SEED, numRuns: FILES });
  const codes = new Map<string, number>();
  refused = [];
  for (const text of texts) {
    const error = await outcomeOf(text);
    codes.set(error?.code ?? "planned", (codes.get(error?.code ?? "planned") ?? 0) + 1);
    if (error === null) continue;
    assert.ok(error.exitCode === 2 || error.exitCode === 3, `${error.exitCode}: ${error.message}`);
    assert.not.match(error.message, /undefined|\[object|\n\s+at /);
    refused.push({ text, error });
  }
  assert.is(openFds(), fdsBefore);
  assert.is(children(), childrenBefore);
  assert.equal(
    readdirSync(fixture.directory).filter((name) => !filesBefore.includes(name)),
    [],
    "to plan makes no file",
  );
  const summary = [...codes].map(([code, count]) => `${code} ${count}`).join(", ");
  assert.ok(refused.length > FILES / 2, summary);
  for (const code of ["spec-invalid", "image-link", "image-kind", "image-unreadable", "image-owner", "image-outside-roots"]) {
    assert.ok(codes.has(code), `no file met ${code}: ${summary}`);
  }
});

test(`${COMMANDS} of them through the command: the same exit code, one message, no stack, nothing left`, async () => {
  const step = Math.floor(refused.length / COMMANDS);
  const sample = refused.filter((_, index) => index % step === 0).slice(0, COMMANDS);
  for (const { text, error } of sample) {
    writeFileSync(place("bad.yaml"), text);
    const result = await runBulkhead(["run", "bad.yaml"], fixture);
    assert.is(result.exitCode, error.exitCode, `${text}\n${result.stderr}`);
    assert.match(result.stderr, /^bulkhead: /);
    assert.not.match(result.stderr, /internal error|\n\s+at /);
    assert.is(result.stdout, "");
  }
  assert.is(sample.length, COMMANDS);
});

/** Files that no schema judges: what stands at the name, and what is in it. */
for (const [subject, file, words] of [
  ["a FIFO", "fifo", /Cannot read the VM file "fifo": it is not a regular file/],
  ["a directory", "dir", /it is not a regular file/],
  ["a device", "/dev/zero", /it is not a regular file/],
  ["a file of /proc that waits", "/proc/kmsg", /EAGAIN|not UTF-8|cannot stand in a text file|EPERM|the file holds/],
  ["a binary file", "base.qcow2", /not UTF-8|cannot stand in a text file/],
  ["a file of 2 MiB", "huge.yaml", /larger than 1048576 bytes/],
  ["aliases that would explode", "bomb.yaml", /anchors and aliases .* are not used/],
  ["brackets without an end", "brackets.yaml", /nested deeper than 16 levels/],
] as const) {
  test(`${subject} as VM file: exit 2, one message, at once`, async () => {
    writeFileSync(place("huge.yaml"), "#".repeat(2 * 1024 * 1024));
    const levels = Array.from(
      { length: 12 },
      (_, level) => `a${level}: &a${level} [${`*a${level - 1},`.repeat(level === 0 ? 0 : 9)}]`,
    );
    writeFileSync(place("bomb.yaml"), levels.join("\n"));
    writeFileSync(place("brackets.yaml"), "[".repeat(10_000));
    const begin = Date.now();
    const result = await runBulkhead(["plan", file], fixture);
    assert.is(result.exitCode, 2, result.stderr);
    assert.match(result.stderr, words);
    assert.ok(Date.now() - begin < 5000);
  });
}

test("a serial log that is absent is made by no VM that is refused", async () => {
  const text = JSON.stringify({ ...GOOD_VM, devices: [{ ...GOOD_VM.devices[1], disk: { file: "cut.qcow2", format: "qcow2" } }] });
  writeFileSync(place("refused.yaml"), text);
  const result = await runBulkhead(["run", "refused.yaml"], fixture);
  assert.is(result.exitCode, 2, result.stderr);
  assert.not.ok(readdirSync(fixture.directory).includes("serial.log"));
});

test("a role that no policy describes is refused at its place", async () => {
  const text = JSON.stringify({ ...GOOD_VM, devices: [{ id: "d", role: "nosuch", model: "e1000" }] }, null, 1);
  const error = await outcomeOf(text);
  assert.is(error?.code, "role-unknown");
  assert.match(error?.message ?? "", /^bad\.yaml:\d+:\d+: cannot load the policy of role "nosuch"/);
});

test("one file as disk and as serial log, or by two paths, is refused", async () => {
  mkdirSync(place("other"), { recursive: true });
  const both = { ...GOOD_VM, console: { serial: { file: "good.img" } } };
  const error = await outcomeOf(JSON.stringify(both));
  assert.is(error?.code, "image-shared", error?.message);
  assert.match(error?.message ?? "", /cannot give "good.img" to the serial console: "disk0" has it too/);
});

test("one absent log for two serial ports, or for one and the console, is refused, and not made", async () => {
  const port = (id: string) => ({ id, role: "serial", model: "pci-serial", serial: { file: "line.log" } });
  const two = await outcomeOf(JSON.stringify({ ...GOOD_VM, devices: [port("tty0"), port("tty1")] }));
  assert.is(two?.code, "image-shared", two?.message);
  assert.match(two?.message ?? "", /cannot give "line.log" to "tty1": "tty0" has it too/);
  const console = { serial: { file: "./line.log" } };
  const withConsole = await outcomeOf(JSON.stringify({ ...GOOD_VM, console, devices: [port("tty0")] }));
  assert.is(withConsole?.code, "image-shared", withConsole?.message);
  assert.not.ok(readdirSync(fixture.directory).includes("line.log"));
});

test.run();
