import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { copyFile, open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import * as assert from "uvu/assert";
import { checkWrittenSector, MARKED_TEXTS } from "../../examples/demo/images.js";
import { qemuRoot } from "../../src/compliance/lab/index.js";
import { BulkheadError, launch } from "../../src/index.js";
import { suite } from "../support/harness.js";
import { demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { repositoryRoot } from "../support/repository.js";
import { runBulkhead, waitUntil } from "../support/run_command.js";

let fixture: MachineFixture;
const loops: string[] = [];

async function setUp(): Promise<void> {
  fixture = await makeFixture();
}

async function tearDown(): Promise<void> {
  for (const loop of loops.splice(0)) execFileSync("losetup", ["--detach", loop]);
  await fixture.remove();
}

/** A loop device over an image of the fixture, as a node of its own beneath the fixture's directory: an image root. */
function loopNode(name: string, image: string, ...options: readonly string[]): string {
  const path = join(fixture.directory, image);
  const loop = execFileSync("losetup", ["--find", "--show", ...options, path], { encoding: "utf8" }).trim();
  loops.push(loop);
  const { rdev } = statSync(loop);
  // gnu_dev_major and gnu_dev_minor: sys/sysmacros.h.
  const [major, minor] = [(rdev >> 8) & 0xfff, (rdev & 0xff) | ((rdev >> 12) & 0xfff00)];
  execFileSync("mknod", ["--mode=0600", join(fixture.directory, name), "b", String(major), String(minor)]);
  return name;
}

const test = suite("block devices as images", { needs: ["root", "qemu-tcg", "user-namespaces", "loop"], timeoutMs: 60_000 });
test.before(setUp);
test.after(tearDown);
test.afterEach(() => assert.equal(fixture.leftovers(), []));

async function runDemo(name: string, disk1: string) {
  const text = demoVmText({ name, disks: "demo" }).replace("{file: disk1.img}", disk1);
  await writeFile(join(fixture.directory, `${name}.yaml`), text);
  return runBulkhead(["run", `${name}.yaml`], fixture);
}

test("a block device: the guest reads and writes it through its device process", async () => {
  const node = loopNode("written", "disk1.img");
  const result = await runDemo(vmName("test-block"), `{file: ${node}}`);
  assert.is(result.exitCode, 0, result.stderr);
  execFileSync("blockdev", ["--flushbufs", loops.at(-1) as string]);
  assert.ok((await checkWrittenSector(join(fixture.directory, "disk1.img"))).genuine);
});

test("a block device with readOnly: the guest's write is refused and nothing is changed", async () => {
  await copyFile(join(fixture.directory, "disk0.img"), join(fixture.directory, "kept.img"));
  const before = await readFile(join(fixture.directory, "kept.img"));
  const node = loopNode("kept", "kept.img");
  const result = await runDemo(vmName("test-block-ro"), `{file: ${node}, readOnly: true}`);
  assert.is(result.exitCode, 0, result.stderr);
  // It read the very image that it could not write.
  assert.match(result.stdout, `disk1 says "${MARKED_TEXTS.disk0}"`);
  assert.match(result.stdout, /bulkhead-boot: error: cannot write to disk1, BIOS status [0-9a-f]{2}\r\n/);
  assert.equal(await readFile(join(fixture.directory, "kept.img")), before);
});

test("a write-protected block device: refused as a disk that is written, taken as one that is not", async () => {
  await copyFile(join(fixture.directory, "disk0.img"), join(fixture.directory, "protected.img"));
  const node = loopNode("protected", "protected.img", "--read-only");
  const text = (disk: string): string =>
    demoVmText({ name: vmName("test-protected"), disks: "blank" }).replace("{file: disk1-blank.img}", disk);
  let error: unknown;
  await launch(await fixture.request(text(`{file: ${node}}`))).catch((thrown: unknown) => {
    error = thrown;
  });
  assert.instance(error, BulkheadError);
  assert.is((error as BulkheadError).exitCode, 2);
  assert.match(
    (error as BulkheadError).message,
    /^test\.yaml:\d+:\d+: cannot use "protected": it is a write-protected block device\./,
  );
  const machine = await launch(await fixture.request(text(`{file: ${node}, readOnly: true}`)));
  const backend = machine.plan.processes.find(({ id }) => id === "disk1")?.fds.at(-1);
  assert.equal([backend?.kind, backend?.access], ["block", "r"]);
  machine.kill();
  await machine.ended;
});

test.run();

const newer = suite("block devices as images by QEMU generation", {
  needs: ["root", "user-namespaces", "loop", "lab", "kvm"],
  timeoutMs: 60_000,
});
newer.before(setUp);
newer.after(tearDown);
newer.afterEach(() => assert.equal(fixture.leftovers(), []));

/** What 7.2 asks a block device is answered above; each later generation asks more as it attaches one. */
for (const generation of ["10", "11"] as const) {
  newer(`QEMU ${generation}: attaches a block device with what the disk role permits`, async () => {
    const { binary, root } = await qemuRoot(generation, { progress: () => undefined });
    const node = loopNode(`node-${generation}`, "disk1-blank.img");
    const text = demoVmText({ name: vmName(`test-block-${generation}`), disks: "blank" })
      .replace("accel: tcg", "accel: kvm")
      .replace("{file: disk1-blank.img}", `{file: ${node}}`);
    const machine = await launch(await fixture.request(text, { qemu: { program: binary, sysroot: root } }));
    machine.kill();
    assert.is((await machine.ended).reason, "stopped");
  });
}

newer.run();

/** What native/bench/read_sectors.S reads at an order: 128 times 127 sectors. */
const READ_BYTES = 128 * 127 * 512;
const LIMIT_BYTES_PER_SECOND = 4 * 1024 * 1024;
/** QEMU's throttle lets a tenth of a second's worth go at once (util/throttle.c); a coarse timer adds nothing but time. */
const LEAST_LIMITED_MS = (READ_BYTES / LIMIT_BYTES_PER_SECOND - 0.2) * 1000;

const limits = suite("I/O limits of a disk", { needs: ["root", "qemu-tcg", "user-namespaces"], timeoutMs: 60_000 });
limits.before(setUp);
limits.after(tearDown);
limits.afterEach(() => assert.equal(fixture.leftovers(), []));

/** How long the guest's reads take by the guest's own words, in ms. */
async function timeReads(name: string, more: string): Promise<number> {
  const image = join(fixture.directory, "reading.img");
  await copyFile(join(repositoryRoot, "native/build/bench/read_sectors.bin"), image);
  const handle = await open(image, "r+");
  await handle.truncate(16 * 1024 * 1024);
  await handle.close();
  const [input, output] = [new PassThrough(), new PassThrough()];
  const heard = new Map<string, number>();
  output.on("data", (chunk: Buffer) => {
    for (const word of chunk.toString("latin1")) if (!heard.has(word)) heard.set(word, performance.now());
  });
  const text = `name: ${name}
machine: {memory: 64M, accel: tcg}
boot: {disk: disk0}
console: {serial: stdio}
devices: [{id: disk0, role: disk, model: megasas, disk: {file: reading.img}${more}}]
`;
  const machine = await launch(await fixture.request(text, { stdio: { kind: "stream", output, input, escape: false } }));
  try {
    await waitUntil(() => heard.has("w"), "the guest's start", 30_000);
    input.write("r");
    await waitUntil(() => heard.has("e"), "the end of the guest's reads", 30_000);
    return (heard.get("e") ?? 0) - (heard.get("b") ?? 0);
  } finally {
    machine.kill();
    await machine.ended;
    await rm(image);
  }
}

limits("4 MiB per second: reads take as long as that says, and without a limit they do not", async () => {
  const freeMs = await timeReads(vmName("test-unlimited"), "");
  const limitedMs = await timeReads(vmName("test-limited"), `, limits: {readBytesPerSecond: ${LIMIT_BYTES_PER_SECOND}}`);
  assert.ok(limitedMs >= LEAST_LIMITED_MS, `${READ_BYTES} bytes took ${limitedMs} ms`);
  // A guest that is not held is far below, or the figure above would prove nothing.
  assert.ok(freeMs < LEAST_LIMITED_MS / 2, `without a limit they took ${freeMs} ms`);
});

limits("operations per second: reads of 64 KiB each take as long as that says", async () => {
  const OPERATIONS_PER_SECOND = 60;
  const limitedMs = await timeReads(vmName("test-operations"), `, limits: {readOperationsPerSecond: ${OPERATIONS_PER_SECOND}}`);
  // The firmware may join or split its reads of 127 sectors; it cannot make fewer than one for each 128.
  assert.ok(limitedMs >= (READ_BYTES / 65_536 / OPERATIONS_PER_SECOND - 0.2) * 1000, `it took ${limitedMs} ms`);
});

limits.run();
