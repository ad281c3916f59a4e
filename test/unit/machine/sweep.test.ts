import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { sweep } from "../../../src/machine/index.js";
import { recordedStaticInventory } from "../../../src/machine/inventory_cache.js";
import { suite } from "../../support/harness.js";
import { makeDirectories } from "../state/temporary_directories.js";

const test = suite("what an explicit cleanup removes from state and caches");

let directories: ReturnType<typeof makeDirectories>;
test.beforeEach(() => {
  directories = makeDirectories();
});
test.afterEach(() => directories.remove());

const DIGEST = "0".repeat(64);

function write(path: string, ageMs: number): string {
  const file = `${directories.cache}/${path}`;
  mkdirSync(file.slice(0, file.lastIndexOf("/")), { recursive: true });
  writeFileSync(file, "{}");
  const time = new Date(Date.now() - ageMs);
  utimesSync(file, time, time);
  return file;
}

const ASIDE = [
  `results/${DIGEST}.4711`,
  `filters/${DIGEST}.bpf.123e4567-e89b-12d3-a456-426614174000`,
  `inventories/${DIGEST}.json.next`,
];

test("halves of files whose writer died are removed; young ones and whole ones stay", async () => {
  const whole = [`results/${DIGEST}`, `filters/${DIGEST}.bpf`].map((path) => write(path, 3_600_000));
  const old = ASIDE.map((path) => write(path, 3_600_000));
  assert.equal(await sweep(directories), ["3 half-written files"]);
  for (const path of old) assert.not.ok(existsSync(path), path);
  for (const path of whole) assert.ok(existsSync(path), path);
  const young = ASIDE.map((path) => write(path, 0));
  assert.equal(await sweep(directories), []);
  for (const path of young) assert.ok(existsSync(path), path);
});

test("inventories of programs that changed, and their roots, are removed; those of installed ones stay", async () => {
  mkdirSync(`${directories.cache}/inventories`, { recursive: true });
  const inventory = (name: string, files: readonly object[]): void => {
    writeFileSync(`${directories.cache}/inventories/${name}.json`, JSON.stringify({ sha256: name, files }));
    mkdirSync(`${directories.cache}/roots/${name}/usr`, { recursive: true });
  };
  inventory("current", []);
  inventory("outdated", [{ source: "/no/such/file", signature: "" }]);
  writeFileSync(`${directories.cache}/inventories/damaged.json`, "{");
  assert.equal(await sweep(directories), ["1 half-built or outdated roots"]);
  assert.equal(readdirSync(`${directories.cache}/inventories`), ["current.json"]);
  assert.equal(readdirSync(`${directories.cache}/roots`), ["current"]);
});

test("the root of a program of ours stays, until another version of it is built", async () => {
  const program = { source: `${directories.cache}/judge`, target: "/bin/judge", version: "test" };
  writeFileSync(program.source, "one");
  const { sha256 } = recordedStaticInventory(directories.cache, program);
  mkdirSync(`${directories.cache}/roots/${sha256}`, { recursive: true });
  assert.equal(await sweep(directories), []);
  writeFileSync(program.source, "another");
  assert.equal(await sweep(directories), ["1 half-built or outdated roots"]);
});

test("a name that was taken and never recorded is forgotten at once", async () => {
  mkdirSync(`${directories.run}/vms/half`, { recursive: true });
  writeFileSync(`${directories.run}/vms/half/lock`, "");
  await sweep(directories);
  assert.equal(readdirSync(`${directories.run}/vms`), []);
});

test.run();
