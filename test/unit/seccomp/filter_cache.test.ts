import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { compiledFilter, filterKey } from "../../../src/seccomp/index.js";
import { suite } from "../../support/harness.js";
import { buildRoot } from "../../support/repository.js";
import { policy, rule } from "./rules_for_tests.js";

const test = suite("filter cache", { timeoutMs: 20_000 });

let cacheDirectory: string;
test.beforeEach(() => {
  cacheDirectory = mkdtempSync(join(tmpdir(), "bulkhead-cache-"));
});
test.afterEach(() => rmSync(cacheDirectory, { recursive: true, force: true }));

const request = () => ({ policy: policy([rule("read"), rule("write")]), phases: "run", cacheDirectory }) as const;
const onlyEntry = () => {
  const entries = readdirSync(cacheDirectory);
  assert.is(entries.length, 1);
  return join(cacheDirectory, entries[0] as string);
};

test("first request: compiles and leaves one private entry, named by its key", async () => {
  const program = await compiledFilter(request());
  assert.ok(program.instructions.length > 2);
  assert.is(onlyEntry(), join(cacheDirectory, `${filterKey(request())}.bpf`));
  assert.is(statSync(onlyEntry()).mode & 0o777, 0o600);
});

test("second request: the same program, from the entry", async () => {
  const first = await compiledFilter(request());
  const inode = statSync(onlyEntry()).ino;
  const second = await compiledFilter(request());
  assert.is(second.sha256, first.sha256);
  assert.is(statSync(onlyEntry()).ino, inode);
});

test("second request: neither libseccomp nor FFI is loaded", async () => {
  await compiledFilter(request());
  const script = `
    const { compiledFilter } = await import(${JSON.stringify(join(buildRoot, "src/seccomp/index.js"))});
    const { policy, rule } = await import(${JSON.stringify(join(buildRoot, "test/unit/seccomp/rules_for_tests.js"))});
    const cacheDirectory = ${JSON.stringify(cacheDirectory)};
    await compiledFilter({ policy: policy([rule("read"), rule("write")]), phases: "run", cacheDirectory });
    process.stdout.write(process.report.getReport().sharedObjects.filter((file) => /seccomp|ffi/.test(file)).join(" "));`;
  assert.is(execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" }), "");
});

test("a damaged entry: is compiled anew and replaced", async () => {
  const { sha256 } = await compiledFilter(request());
  const entry = readFileSync(onlyEntry());
  entry.writeUInt8(entry.readUInt8(entry.length - 1) ^ 1, entry.length - 1);
  writeFileSync(onlyEntry(), entry);
  assert.is((await compiledFilter(request())).sha256, sha256);
  assert.not.equal(readFileSync(onlyEntry()), entry);
});

test("an entry under another's name: is not taken for its own", async () => {
  await compiledFilter(request());
  const stolen = readFileSync(onlyEntry());
  const other = { ...request(), policy: policy([rule("read")]) };
  writeFileSync(join(cacheDirectory, `${filterKey(other)}.bpf`), stolen);
  const program = await compiledFilter(other);
  assert.not.equal(program.bytes, stolen.subarray(32));
});

test("a folder that others may write: is refused", async () => {
  chmodSync(cacheDirectory, 0o777);
  try {
    await compiledFilter(request());
    assert.unreachable();
  } catch (error) {
    assert.is((error as { code: string }).code, "cache-untrusted");
  }
});

test("the key: follows what decides the program, not its prose", () => {
  const key = filterKey(request());
  const reworded = policy([{ ...rule("read"), why: "another reason" }, rule("write")]);
  assert.is(filterKey({ policy: reworded, phases: "run" }), key);
  assert.is(filterKey({ policy: policy([rule("write"), rule("read")]), phases: "run" }), key);
  assert.is.not(filterKey({ policy: policy([rule("read")]), phases: "run" }), key);
  const narrow = rule("read", [{ index: 0, width: 32, op: "==", value: 1n }]);
  assert.is.not(filterKey({ policy: policy([narrow, rule("write")]), phases: "run" }), key);
  const wide = { ...narrow, checks: narrow.checks.map((check) => ({ ...check, width: 64 as const })) };
  assert.is.not(filterKey({ policy: policy([wide]), phases: "run" }), filterKey({ policy: policy([narrow]), phases: "run" }));
});

test.run();
