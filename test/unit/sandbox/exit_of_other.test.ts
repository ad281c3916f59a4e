import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync } from "node:fs";
import { release } from "node:os";
import * as assert from "uvu/assert";
import { addon } from "../../../src/kernel/index.js";
import { exitOfOther } from "../../../src/sandbox/exit_of_other.js";
import { suite } from "../../support/harness.js";

const test = suite("how a process ended that is not our child", { needs: ["root"] });

/** PIDFD_GET_INFO gives exit codes since Linux 6.15. */
const [major = 0, minor = 0] = release().split(".").map(Number);
const kernelTells = major > 6 || (major === 6 && minor >= 15);

for (const [what, script, expected] of [
  ["its exit code", "sleep 0.2; exit 7", { exitCode: 7, signal: null }],
  ["its signal", "sleep 0.2; kill -31 $$", { exitCode: null, signal: 31 }],
] as const) {
  test(`${what} is told by kernels that tell it, and nothing by others`, async () => {
    // A shell between us and it, which reaps it.
    const parent = spawn("sh", ["-c", `sh -c '${script}' >/dev/null & echo $!; wait`], { stdio: ["ignore", "pipe", "ignore"] });
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const pidfd = addon.openPidfd({ pid: Number(line) });
    assert.equal(await addon.waitExit({ pidfd, keepAlive: true }), { exitCode: null, signal: null });
    assert.equal(await exitOfOther(pidfd), kernelTells ? expected : { exitCode: null, signal: null });
    closeSync(pidfd);
  });
}

test.run();
