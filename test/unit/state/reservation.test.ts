import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import * as assert from "uvu/assert";
import { StateError } from "../../../src/errors/index.js";
import { parseSubuid, readUidUse, releaseUids, reservedUids, reserveUid, type UidUse } from "../../../src/state/index.js";
import { suite } from "../../support/harness.js";
import { makeDirectories } from "./temporary_directories.js";

const test = suite("reservations of uids", { needs: ["root"], timeoutMs: 20_000 });

const FREE: UidUse = { delegated: [], used: new Set() };
const OWNER = { vm: "web1", use: FREE };
let directories: ReturnType<typeof makeDirectories>;

test.beforeEach(() => {
  directories = makeDirectories();
});
test.afterEach(() => directories.remove());

function assertExhausted(reserve: () => unknown): void {
  assert.throws(reserve, (error: unknown) => {
    assert.instance(error, StateError);
    assert.is((error as StateError).code, "uids-exhausted");
    assert.is((error as StateError).exitCode, 3);
    return true;
  });
}

test("reserve: never the same uid twice, never outside the range, until it is exhausted", () => {
  const range = { first: 500_000, last: 500_004 };
  const uids = new Set<number>();
  for (let draw = 0; draw < 4; draw += 1) uids.add(reserveUid(directories, range, OWNER));
  assert.is(uids.size, 4);
  assert.ok([...uids].every((uid) => uid >= range.first && uid <= range.last));
});

test("reserve: an exhausted range is refused, and serves again after a release", () => {
  const range = { first: 500_000, last: 500_000 };
  assert.is(reserveUid(directories, range, OWNER), 500_000);
  assertExhausted(() => reserveUid(directories, range, { ...OWNER, vm: "web2" }));
  releaseUids(directories, [500_000]);
  assert.is(reserveUid(directories, range, { ...OWNER, vm: "web2" }), 500_000);
});

test("reserve: both ends of the range are drawn", () => {
  const drawn = new Set<number>();
  for (let draw = 0; draw < 200 && drawn.size < 2; draw += 1) {
    const uid = reserveUid(directories, { first: 7, last: 8 }, OWNER);
    drawn.add(uid);
    releaseUids(directories, [uid]);
  }
  assert.equal([...drawn].sort(), [7, 8]);
});

test("reserve: one free uid between delegations is found at once, however much of the range they take", () => {
  const delegated = [
    { first: 400_000, last: 549_999 },
    { first: 550_001, last: 600_000 },
    { first: 1, last: 2 },
  ];
  const owner = { vm: "web1", use: { delegated, used: new Set<number>() } };
  assert.is(reserveUid(directories, { first: 500_000, last: 565_535 }, owner), 550_000);
});

test("reserve: what is delegated to others is left alone, to its last uid", () => {
  const owner = { vm: "web1", use: { delegated: [{ first: 101, last: 103 }], used: new Set<number>() } };
  assertExhausted(() => reserveUid(directories, { first: 101, last: 103 }, owner));
  assertExhausted(() => reserveUid(directories, { first: 103, last: 103 }, owner));
  assertExhausted(() => reserveUid(directories, { first: 101, last: 101 }, owner));
  assert.is(reserveUid(directories, { first: 103, last: 104 }, owner), 104);
  assert.is(reserveUid(directories, { first: 100, last: 101 }, owner), 100);
});

test("reserve: a uid of an account or a running process is left alone", () => {
  const use = { delegated: [], used: new Set([7]) };
  assert.is(reserveUid(directories, { first: 7, last: 8 }, { vm: "web1", use }), 8);
});

test("reserve: processes that draw side by side get different uids", async () => {
  const script = join(import.meta.dirname, "reserve_loop.js");
  const outputs = await Promise.all(
    [0, 1].map(async () => {
      const child = spawn(process.execPath, [script, directories.base, "2"], { stdio: ["ignore", "pipe", "inherit"] });
      const [output, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
      assert.is(code, 0);
      return output.trim().split(" ").map(Number);
    }),
  );
  const uids = outputs.flat();
  assert.is(uids.length, 200);
  assert.is(new Set(uids).size, uids.length);
});

test("reserved: uids are known by their VM, and forgotten when released", () => {
  const range = { first: 500_000, last: 565_535 };
  const own = [0, 1].map(() => reserveUid(directories, range, OWNER));
  const other = reserveUid(directories, range, { ...OWNER, vm: "web2" });
  assert.equal(reservedUids(directories, "web1").sort(), own.sort());
  assert.equal(reservedUids(directories, "web2"), [other]);
  releaseUids(directories, own);
  releaseUids(directories, own);
  assert.equal(reservedUids(directories, "web1"), []);
  assert.equal(readdirSync(`${directories.run}/uids`), [String(other)]);
});

test("reserved: none where nothing was ever reserved", () => {
  assert.not.ok(existsSync(`${directories.run}/uids`));
  assert.equal(reservedUids(directories, "web1"), []);
});

test("subuid: ranges of others, not our own, not what is malformed", () => {
  const lines = ["alice:100000:65536", "bulkhead:500000:65536", "1000:700000:1", "half:1", ""];
  assert.equal(parseSubuid(lines), [
    { first: 100_000, last: 165_535 },
    { first: 700_000, last: 700_000 },
  ]);
});

test("use: root, this process and the accounts of this host are in use", () => {
  const { used } = readUidUse();
  assert.ok(used.has(0));
  assert.ok(used.has(process.getuid?.() ?? 0));
});

test("use: a uid that only a process which changed to it holds is in use", async () => {
  // Undumpable, so that /proc shows the directory of this process as root's.
  const change = "process.setuid(543210); process.stdout.write('changed'); process.stdin.resume()";
  const child = spawn(process.execPath, ["-e", change], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    await once(child.stdout, "data");
    assert.ok(readUidUse().used.has(543_210));
  } finally {
    child.stdin.end();
    await once(child, "close");
  }
});

test("use: gids of groups, of accounts, of /etc/subgid and of processes are in use", async () => {
  const files = Object.fromEntries(["passwd", "group", "subuid", "subgid"].map((name) => [name, `${directories.base}/${name}`]));
  writeFileSync(`${directories.base}/passwd`, "alice:x:1001:1002::/:/bin/sh\n");
  writeFileSync(`${directories.base}/group`, "staff:x:1003:alice\n");
  writeFileSync(`${directories.base}/subuid`, "alice:2000:10\n");
  writeFileSync(`${directories.base}/subgid`, "alice:3000:10\n");
  const change = "process.setgroups([543212]); process.setgid(543211); process.stdout.write('changed'); process.stdin.resume()";
  const child = spawn(process.execPath, ["-e", change], { stdio: ["pipe", "pipe", "inherit"] });
  try {
    await once(child.stdout, "data");
    const { used, delegated } = readUidUse(files as unknown as Parameters<typeof readUidUse>[0]);
    for (const number of [1001, 1002, 1003, 543_211, 543_212]) assert.ok(used.has(number), String(number));
    assert.equal(delegated, [
      { first: 2000, last: 2009 },
      { first: 3000, last: 3009 },
    ]);
  } finally {
    child.stdin.end();
    await once(child, "close");
  }
});

test("reserved: a uid that is released meanwhile does not hide the others", () => {
  const uid = reserveUid(directories, { first: 500_000, last: 500_000 }, OWNER);
  // A name that is listed and cannot be read, as one that is gone.
  symlinkSync("nowhere", `${directories.run}/uids/400000`);
  assert.equal(reservedUids(directories, "web1"), [uid]);
});

test.run();
