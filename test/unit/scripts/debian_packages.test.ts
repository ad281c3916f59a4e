import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as assert from "uvu/assert";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";

const test = suite("set-up without the right to install packages");

/** Every package that is asked for is installed, but for one. */
const DPKG_QUERY = `#!/bin/sh
for name; do
  case $name in -*) ;; bubblewrap) ;; *) echo "$name installed" ;; esac
done
`;

/** Calls the step as a user who may not install, and ends as the set-up does. */
const STEP = pathToFileURL(join(repositoryRoot, "scripts/setup/debian_packages.mjs")).href;
const PROGRAM = `
process.getuid = () => 1000;
const { installDebianPackages } = await import(${JSON.stringify(STEP)});
try { installDebianPackages(); } catch (error) { console.error(error.message); process.exitCode = error.exitCode; }
`;

test("what is missing is named with its reason and the command that installs it; exit code 3", () => {
  const folder = mkdtempSync(join(tmpdir(), "bulkhead-packages-"));
  try {
    writeFileSync(join(folder, "dpkg-query"), DPKG_QUERY);
    chmodSync(join(folder, "dpkg-query"), 0o755);
    const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", PROGRAM], {
      encoding: "utf8",
      env: { ...process.env, PATH: `${folder}:/usr/bin:/bin` },
    });
    assert.is(status, 3, stderr);
    assert.is(
      stderr,
      [
        "Cannot go on without these packages:",
        "  bubblewrap: the peer that benchmarks compare with",
        "Run as root: apt-get install --no-install-recommends bubblewrap",
        "",
      ].join("\n"),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
