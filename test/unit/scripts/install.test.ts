import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";

const test = suite("npm run install:host", { needs: ["root"], timeoutMs: 20_000 });

let prefix: string;
test.beforeEach(() => {
  prefix = mkdtempSync(join(tmpdir(), "bulkhead-prefix-"));
});
test.afterEach(() => rmSync(prefix, { recursive: true }));

function install(...args: string[]) {
  const script = join(repositoryRoot, "scripts/install.mjs");
  return spawnSync(process.execPath, [script, "--prefix", prefix, ...args], { encoding: "utf8" });
}

test("the command runs by its name, man finds its pages, and --remove leaves nothing of it", () => {
  const { status, stderr } = install();
  assert.is(status, 0, stderr);
  const run = spawnSync("bulkhead", ["--version"], { env: { PATH: `${prefix}/bin:/usr/bin:/bin` }, encoding: "utf8" });
  assert.match(run.stdout, /^\d+\.\d+\.\d+\n$/, run.stderr);
  const page = spawnSync("man", ["--where", "bulkhead-run"], {
    env: { PATH: "/usr/bin:/bin", MANPATH: `${prefix}/share/man` },
    encoding: "utf8",
  });
  assert.match(page.stdout, /bulkhead-run\.1/, page.stderr);
  assert.equal(readdirSync(join(prefix, "share/zsh/site-functions")), ["_bulkhead"]);
  assert.is(install("--remove").status, 0);
  assert.equal(readdirSync(join(prefix, "bin")), []);
  assert.equal(readdirSync(join(prefix, "share/man/man1")), []);
});

test("a file of somebody else's in the way: exit code 3, and nothing is changed", () => {
  mkdirSync(join(prefix, "bin"));
  writeFileSync(join(prefix, "bin/bulkhead"), "theirs");
  const { status, stderr } = install();
  assert.is(status, 3);
  assert.match(stderr, /bin\/bulkhead is there already/);
  assert.equal(readdirSync(prefix), ["bin"]);
});

test("an option that there is not: exit code 2, the usage, and no stack", () => {
  const { status, stderr } = install("--prefxi");
  assert.is(status, 2);
  assert.match(stderr, /^Cannot install: .*--prefxi.* Usage: .*--prefix DIR.*\n$/);
});

test.run();
