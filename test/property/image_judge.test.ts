import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { FAULTS } from "../../src/machine/image_verdict.js";
import { suite } from "../support/harness.js";
import { repositoryRoot } from "../support/repository.js";

const test = suite("the judge of images, on any image", { needs: ["qemu-img"], timeoutMs: 60_000 });

const SEED = 20261122;
const MUTATIONS = 4_000;
/** Of an image of 512 KiB that is not larger after its mutation, no table is read twice, and no snapshot is more than its header. */
const BYTES_READ_MAX = 4 * 1024 * 1024;

let folder: string;
let program: string;

/** The judge's own source, with what finds a read or a shift out of bounds that nothing else would show. */
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), "bulkhead-judge-"));
  program = join(folder, "mutate_images");
  writeFileSync(join(folder, "base.raw"), "");
  truncateSync(join(folder, "base.raw"), 1024 * 1024);
  const sources = ["native/judge/qcow2.cc", "test/support/judge/mutate_images.cc"].map((file) => join(repositoryRoot, file));
  const flags = [
    "-std=c++20",
    "-O1",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-I",
    join(repositoryRoot, "native/judge"),
  ];
  execFileSync("g++", [...flags, "-o", program, ...sources], { stdio: ["ignore", "ignore", "pipe"] });
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

function judgeMutations(image: string): { found: number[]; bytesRead: number } {
  const env = { ...process.env, ASAN_OPTIONS: "detect_leaks=0" };
  const output = execFileSync(program, [image, String(SEED), String(MUTATIONS)], { encoding: "utf8", env });
  const numbers = output.trim().split(" ").map(Number);
  return { found: numbers.slice(0, -1), bytesRead: numbers.at(-1) ?? 0 };
}

function makeImage(name: string, ...options: string[]): string {
  const path = join(folder, name);
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", ...options, path, "64M"], { stdio: ["ignore", "ignore", "pipe"] });
  return path;
}

const seen = new Set<number>();

for (const [name, options] of [
  ["version 3, with snapshots, a bitmap and a backing file", ["-b", "base.raw", "-F", "raw"]],
  ["version 2", ["-o", "compat=0.10"]],
  ["clusters of 512 bytes", ["-o", "cluster_size=512"]],
] as const) {
  test(`${MUTATIONS} mutations of an image of ${name}: no read out of bounds, and a bounded number of reads`, () => {
    const image = makeImage(`${name.replaceAll(/\W/g, "-")}.qcow2`, ...options);
    if (name.includes("snapshots")) {
      for (const snapshot of ["one", "two"]) execFileSync("qemu-img", ["snapshot", "-c", snapshot, image]);
      execFileSync("qemu-img", ["bitmap", "--add", image, "bitmap0"]);
    }
    const { found, bytesRead } = judgeMutations(image);
    found.forEach((count, fault) => {
      if (count > 0) seen.add(fault);
    });
    assert.ok((found[0] ?? 0) > 0, "some mutations change nothing that matters");
    assert.is(
      found.reduce((sum, count) => sum + count, 0),
      MUTATIONS,
    );
    assert.ok(bytesRead < BYTES_READ_MAX, `${bytesRead} bytes were read`);
  });
}

test("every fault was found in one of them", () => {
  assert.equal(
    FAULTS.flatMap((words, fault) => (seen.has(fault) ? [] : [words])),
    [],
  );
});

test.run();
