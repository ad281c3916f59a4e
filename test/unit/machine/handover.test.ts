import { spawnSync } from "node:child_process";
import { chmodSync, closeSync, fstatSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { MachineError } from "../../../src/errors/index.js";
import { Handover, handOver } from "../../../src/machine/handover.js";
import { suite } from "../../support/harness.js";

const test = suite("handing over open files", { needs: ["root"], timeoutMs: 10_000 });

/** Any uid but root's. */
const STRANGER_UID = 54_321;

let directory: string;
let handover: Handover;
let file: number;
test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "bulkhead-handover-"));
  handover = new Handover(directory);
  file = openSync(join(directory, "file"), "w");
});
test.afterEach(() => {
  handover.close();
  closeSync(file);
  rmSync(directory, { recursive: true });
});

function assertRefused(token: string): void {
  assert.throws(
    () => handover.take(token),
    (error: unknown) => error instanceof MachineError && error.code === "handover-failed",
  );
}

test("each file comes under its name, by the token that was agreed on; what waits under another is passed over", () => {
  handOver(directory, "stale", new Map([["log", file]]));
  handOver(directory, "agreed", new Map([["monitor", file]]));
  const taken = handover.take("agreed");
  assert.equal([...taken.keys()], ["monitor"]);
  for (const fd of taken.values()) {
    assert.is(fstatSync(fd).ino, fstatSync(file).ino);
    closeSync(fd);
  }
});

test("nothing that waits, and nothing under the token, are errors and not a wait", () => {
  assertRefused("agreed");
  handOver(directory, "stale", new Map([["log", file]]));
  assertRefused("agreed");
});

test("a stranger's files are not taken, even where it reaches the socket and knows the token", () => {
  chmodSync(directory, 0o777);
  chmodSync(join(directory, "handover"), 0o777);
  const script = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
s.send(b"agreed")
s.send(b"end")`;
  const offer = (uid: number) => {
    const done = spawnSync("python3", ["-c", script, join(directory, "handover")], { uid, encoding: "utf8", cwd: "/" });
    assert.is(done.status, 0, done.stderr);
  };
  offer(STRANGER_UID);
  assertRefused("agreed");
  offer(0);
  assert.is(handover.take("agreed").size, 0);
});

test.run();
