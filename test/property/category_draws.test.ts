import { spawn } from "node:child_process";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { type CategoryPair, dominates, drawProcessCategory } from "../../src/selinux/index.js";
import { suite } from "../support/harness.js";
import { buildRoot } from "../support/repository.js";
import { makeDirectories } from "../unit/state/temporary_directories.js";

const LAUNCHERS = 4;
const DRAWS_EACH = 2500;

/** Ten thousand draws take four processes 1.5 s; the machine may be busy. */
const test = suite("categories drawn by concurrent launchers", { timeoutMs: 60_000 });

/** What one launcher drew, all of it held until the end. */
function drawAll(state: string, vm: string): Promise<string[]> {
  const program = join(buildRoot, "test/property/draw_loop.js");
  const child = spawn(process.execPath, [program, state, vm, String(DRAWS_EACH)], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve(said.trimEnd().split("\n")) : reject(new Error(`exit code ${code}`))));
  });
}

test("ten thousand draws never collide", async () => {
  const directories = makeDirectories();
  try {
    const names = Array.from({ length: LAUNCHERS }, (_, index) => `launcher${index}`);
    const drawn = (await Promise.all(names.map((vm) => drawAll(directories.base, vm)))).flat();
    assert.is(drawn.length, LAUNCHERS * DRAWS_EACH);
    assert.is(new Set(drawn).size, drawn.length);
  } finally {
    directories.remove();
  }
});

test("no level of one VM dominates one of another, whatever their pairs and processes", () => {
  const range = { first: 0, last: 15 };
  const pairs = Array.from({ length: 8 }, (_, first) => first).flatMap((first) =>
    Array.from({ length: 7 - first }, (_, more): CategoryPair => [first, first + 1 + more]),
  );
  const levelsOf = (pair: CategoryPair): (readonly number[])[] => {
    const taken: number[] = [];
    for (let process = 0; process < 8; process += 1) taken.push(drawProcessCategory(range, pair, { taken, inUse: [] }));
    return [pair, ...taken.map((category) => [...pair, category])];
  };
  const vms = pairs.map((pair) => levelsOf(pair));
  assert.is(vms.length, 28);
  for (const [index, own] of vms.entries()) {
    const others = vms.filter((_, other) => other !== index).flat();
    for (const level of own)
      assert.not(
        others.some((other) => dominates(level, other)),
        level.join(),
      );
  }
});

test.run();
