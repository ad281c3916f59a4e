import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { parseLimits } from "../../../src/observe/index.js";
import { suite } from "../../support/harness.js";

const test = suite("resource limits of a process");

/** As Linux 6.18 prints them. */
const TEXT = `Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max core file size        0                    unlimited            bytes
Max open files            1024                 1048576              files
Max nice priority         0                    0
Max something new         1                    2                    things
`;

test("soft and hard values by their short names; unlimited is -1, what is not known is left out", () => {
  assert.equal(parseLimits(TEXT), {
    cpu: { soft: -1, hard: -1 },
    core: { soft: 0, hard: -1 },
    nofile: { soft: 1024, hard: 1048576 },
    nice: { soft: 0, hard: 0 },
  });
});

test("this kernel prints 16 resources, and all are known", () => {
  const text = readFileSync("/proc/self/limits", "utf8");
  const limits = parseLimits(text);
  assert.is(Object.keys(limits).length, text.trimEnd().split("\n").length - 1);
  assert.is(Object.keys(limits).length, 16);
  for (const limit of Object.values(limits)) assert.ok(Number.isInteger(limit.soft) && Number.isInteger(limit.hard));
});

test("what may be lowered is read under the name that prlimit(1) sets it by", () => {
  // nice and rtprio are zero on most hosts already, and no test may raise them.
  const given = { core: 5, cpu: 6, data: 7_000_000_000, fsize: 8_000_000, locks: 9, memlock: 10, msgqueue: 11, nofile: 13 };
  const asked = Object.entries({ ...given, nproc: 14, rss: 15, sigpending: 17, stack: 8_400_000, rttime: 18_000_000 });
  const options = asked.map(([name, value]) => `--${name}=${value}:${value}`);
  const { stdout, stderr } = spawnSync("prlimit", [...options, "cat", "/proc/self/limits"], { encoding: "utf8" });
  const limits = parseLimits(stdout);
  for (const [name, value] of asked) assert.equal(limits[name], { soft: value, hard: value }, `${name}; ${stderr}`);
});

test.run();
