import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { SpecError } from "../../../src/errors/index.js";
import { FILE_SIZE_MAX_BYTES, readFileText, readStandardInputText } from "../../../src/spec/file_text.js";
import { suite } from "../../support/harness.js";

const test = suite("reading the text of a file");

let folder = "";
test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), "bulkhead-text-"));
});
test.after(() => rm(folder, { recursive: true }));

async function readBytes(bytes: Uint8Array): Promise<string> {
  const file = join(folder, "vm.yaml");
  await writeFile(file, bytes);
  return readFileText({ file, title: "VM file" });
}

async function* chunks(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

test("file of 1 MiB: read; one byte more: refused, and the limit is said", async () => {
  assert.is((await readBytes(Buffer.alloc(FILE_SIZE_MAX_BYTES, "#"))).length, FILE_SIZE_MAX_BYTES);
  const error = (await readBytes(Buffer.alloc(FILE_SIZE_MAX_BYTES + 1, "#")).catch((reason: unknown) => reason)) as SpecError;
  assert.is(error.code, "spec-invalid");
  assert.match(error.message, /vm.yaml:1:1: larger than 1048576 bytes \(1 MiB\)/);
});

test("bytes that are not UTF-8: refused at their line and column", async () => {
  const bytes = Buffer.concat([Buffer.from("name: a\né"), Buffer.from([0xff]), Buffer.from("b")]);
  const error = (await readBytes(bytes).catch((reason: unknown) => reason)) as SpecError;
  assert.match(error.message, /vm.yaml:2:2: this byte is not UTF-8; save the file as UTF-8 text/);
});

test("a byte order mark: dropped", async () => {
  assert.is(await readBytes(Buffer.from("\uFEFFname: a")), "name: a");
});

test("standard input: chunks are joined, a character may be split between two", async () => {
  const bytes = Buffer.from("é");
  assert.is(await readStandardInputText(chunks(bytes.subarray(0, 1), bytes.subarray(1))), "é");
});

test("standard input without an end: given up at 1 MiB", async () => {
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) yield Buffer.alloc(65536, "#");
  }
  const error = (await readStandardInputText(endless()).catch((reason: unknown) => reason)) as SpecError;
  assert.match(error.message, /^-:1:1: larger than 1048576 bytes/);
});

test("standard input that cannot be read: refused with the answer", async () => {
  // biome-ignore lint/correctness/useYield: it fails before its first chunk.
  async function* failing(): AsyncGenerator<Uint8Array> {
    throw Object.assign(new Error("read"), { code: "EISDIR" });
  }
  const error = (await readStandardInputText(failing()).catch((reason: unknown) => reason)) as SpecError;
  assert.is(error.code, "spec-unreadable");
  assert.match(error.message, /Cannot read the VM file "-": open or read failed \(EISDIR\)/);
});

test("the inspection: sees the opened file and can refuse it", async () => {
  const file = join(folder, "vm.yaml");
  await writeFile(file, "name: a");
  const inspect = (stats: { readonly size: number }) => assert.is(stats.size, 7);
  assert.is(await readFileText({ file, title: "host file", inspect }), "name: a");
});

test.run();
