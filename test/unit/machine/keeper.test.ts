import { spawnSync } from "node:child_process";
import { chmodSync, closeSync, mkdtempSync, openSync, readdirSync, readFileSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { MachineError } from "../../../src/errors/index.js";
import { addon } from "../../../src/kernel/index.js";
import { Keeper } from "../../../src/machine/keeper.js";
import { suite } from "../../support/harness.js";

const test = suite("keeper of a launcher's ends", { needs: ["root"], timeoutMs: 15_000 });

/** More than a socket pair and a pipe hold together without a reader: net.core.wmem_default is 212992, a pipe 65536. */
const FLOOD_BYTES = 1024 * 1024;
/** Any uid but root's. */
const STRANGER_UID = 54_321;

let directory: string;
let keeper: Keeper;
let ended: Promise<void>;
/** What a VM's process would hold. */
let peers: { monitor: number; serial: number };

test.beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "bulkhead-keeper-"));
  const [monitor, monitorPeer] = addon.socketPair();
  const [serial, serialPeer] = addon.socketPair();
  peers = { monitor: monitorPeer, serial: serialPeer };
  let onExit: () => void = () => {};
  ended = new Promise((resolve) => {
    onExit = resolve;
  });
  keeper = Keeper.start("web1", { directory, onExit }, [
    { name: "vmm/monitor", kind: "stream", fd: monitor },
    { name: "vmm/serial", kind: "drained", fd: serial },
  ]);
  for (const fd of [monitor, serial]) closeSync(fd);
});
test.afterEach(async () => {
  for (const fd of Object.values(peers)) closeSync(fd);
  keeper.close();
  await ended;
  rmSync(directory, { recursive: true });
});

test("it gives everything it holds to whoever supervises next, by name, and keeps it", () => {
  keeper.confirm();
  keeper.close();
  writeSync(peers.monitor, "event");
  const next = Keeper.connect("web1", directory);
  for (const taken of [next.take(), next.take()]) {
    assert.equal([...taken.keys()], ["vmm/monitor", "vmm/serial"]);
    for (const fd of taken.values()) closeSync(fd);
  }
  const monitor = next.take().get("vmm/monitor") as number;
  const bytes = Buffer.alloc(16);
  assert.is(bytes.toString("utf8", 0, readSync(monitor, bytes)), "event");
  next.close();
});

test("a console is read to nowhere once its supervisor is gone; a monitor is not", async () => {
  keeper.confirm();
  keeper.close();
  writeSync(peers.monitor, "kept");
  // Blocks for ever, and the test fails by its deadline, unless somebody reads.
  const flood = Buffer.alloc(64 * 1024);
  for (let sent = 0; sent < FLOOD_BYTES; sent += flood.length) {
    assert.is(writeSync(peers.serial, flood), flood.length);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const next = Keeper.connect("web1", directory);
  const bytes = Buffer.alloc(16);
  assert.is(readSync(next.take().get("vmm/monitor") as number, bytes), 4);
  next.close();
});

test("what it is given later it holds like the rest", () => {
  const [log, writer] = addon.pipePair();
  keeper.hold({ name: "disk1/log", kind: "drained", fd: log });
  const taken = keeper.take();
  assert.equal([...taken.keys()], ["vmm/monitor", "vmm/serial", "disk1/log"]);
  for (const fd of [...taken.values(), log, writer]) closeSync(fd);
});

test("a file is held until it is dropped, and does not keep it alive", async () => {
  const path = join(directory, "serial.log");
  const file = openSync(path, "a");
  assert.ok(addon.tryLock({ fd: file }));
  keeper.hold({ name: "disk1/line-log", kind: "file", fd: file });
  keeper.hold({ name: "disk2/line-log", kind: "file", fd: file });
  closeSync(file);
  keeper.confirm();
  const other = openSync(path, "a");
  assert.not.ok(addon.tryLock({ fd: other }), "the lock of the open file is held");
  keeper.drop("disk1/line-log");
  keeper.drop("disk3/line-log");
  const taken = keeper.take();
  assert.equal([...taken.keys()], ["vmm/monitor", "vmm/serial", "disk2/line-log"]);
  for (const fd of taken.values()) closeSync(fd);
  closeSync(peers.monitor);
  closeSync(peers.serial);
  peers = {} as typeof peers;
  await ended;
  assert.ok(addon.tryLock({ fd: other }));
  closeSync(other);
});

test("it holds no capability, no way to gain one, and hardly a system call; its fds are what it keeps", () => {
  keeper.confirm();
  const status = readFileSync(`/proc/${keeper.identity?.pid}/status`, "utf8");
  for (const line of [
    /^CapEff:\t0+$/m,
    /^CapPrm:\t0+$/m,
    /^CapBnd:\t0+$/m,
    /^NoNewPrivs:\t1$/m,
    /^Seccomp:\t2$/m,
    /^Groups:\t ?$/m,
  ])
    assert.match(status, line);
  // Standard ones, the listening one, two kept, the supervisor's.
  assert.is(readdirSync(`/proc/${keeper.identity?.pid}/fd`).length, 7);
});

test("a stranger's uid is refused even where it reaches the socket", () => {
  keeper.confirm();
  keeper.close();
  chmodSync(directory, 0o777);
  chmodSync(`${directory}/keeper`, 0o777);
  const script = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
try:
  s.send(b"take")
  print("answered" if s.recv(64) else "closed")
except OSError:
  print("closed")`;
  const ask = (uid: number): string =>
    spawnSync("python3", ["-c", script, `${directory}/keeper`], { uid, encoding: "utf8", cwd: "/" }).stdout.trim();
  assert.is(ask(STRANGER_UID), "closed");
  assert.is(ask(0), "answered");
});

test("it ends when all that it holds has hung up; then nobody reaches it", async () => {
  keeper.confirm();
  closeSync(peers.monitor);
  closeSync(peers.serial);
  peers = {} as typeof peers;
  await ended;
  assert.throws(
    () => Keeper.connect("web1", directory),
    (error: unknown) => error instanceof MachineError && error.code === "keeper-gone",
  );
});

test.run();
