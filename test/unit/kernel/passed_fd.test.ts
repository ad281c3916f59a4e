import { spawnSync } from "node:child_process";
import { closeSync, fstatSync, readdirSync } from "node:fs";
import * as assert from "uvu/assert";
import { addon } from "../../../src/kernel/index.js";
import { suite } from "../../support/harness.js";

const test = suite("fds that come with a message");

/** Sends, over the socket that is its fd 3, its standard input with one message as often as the first argument says. */
const SENDER = "import socket, sys; socket.send_fds(socket.socket(fileno=3), [b'x'], [0] * int(sys.argv[1]))";

/** What comes of a message with `count` fds, and how many fds of ours it leaves open. */
function receive(count: number): { fd: number; left: number } | { error: string; left: number } {
  const [near, far] = addon.socketPair();
  const before = openFds();
  try {
    const { status, stderr } = spawnSync("/usr/bin/python3", ["-c", SENDER, String(count)], {
      stdio: ["ignore", "ignore", "pipe", far],
      encoding: "utf8",
    });
    assert.is(status, 0, stderr);
    try {
      const { fd } = addon.receiveFd({ socketFd: near });
      return { fd, left: openFds() - before };
    } catch (error) {
      return { error: (error as { code: string }).code, left: openFds() - before };
    }
  } finally {
    for (const fd of [near, far]) closeSync(fd);
  }
}

function openFds(): number {
  return readdirSync("/proc/self/fd").length;
}

test("none: there is none", () => assert.equal(receive(0), { fd: -1, left: 0 }));

test("one: it is ours", () => {
  const got = receive(1);
  assert.ok("fd" in got && got.fd >= 0, JSON.stringify(got));
  assert.ok(fstatSync((got as { fd: number }).fd).isCharacterDevice());
  closeSync((got as { fd: number }).fd);
  assert.is(got.left, 1);
});

for (const count of [2, 3]) {
  test(`${count}: refused, and none stays open`, () => assert.equal(receive(count), { error: "EMSGSIZE", left: 0 }));
}

test.run();
