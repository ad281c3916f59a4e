import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import * as assert from "uvu/assert";
import { logEvent } from "../../../src/state/index.js";
import { suite } from "../../support/harness.js";
import { makeDirectories } from "./temporary_directories.js";

const test = suite("events for journald");

let directories: ReturnType<typeof makeDirectories>;
let server: ChildProcess | undefined;
test.beforeEach(() => {
  directories = makeDirectories();
});
test.afterEach(() => {
  server?.kill("SIGKILL");
  server = undefined;
  directories.remove();
});

/** Python's own datagram socket in journald's place: prints each datagram it gets in hexadecimal. */
const SERVER = `
import socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
print("ready", flush=True)
while True: print(listener.recv(1 << 20).hex(), flush=True)
`;

/** Starts the server; resolves to a reader of its next datagram. */
async function listen(path: string): Promise<() => Promise<Buffer>> {
  const child = spawn("python3", ["-c", SERVER, path], { stdio: ["ignore", "pipe", "inherit"] });
  server = child;
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  const nextLine = async (): Promise<string> => {
    while (!text.includes("\n")) await once(child.stdout, "data");
    const end = text.indexOf("\n");
    const line = text.slice(0, end);
    text = text.slice(end + 1);
    return line;
  };
  assert.is(await nextLine(), "ready");
  return async () => Buffer.from(await nextLine(), "hex");
}

/** Fields of an entry, read back by the rules of journald's native protocol. */
function parseEntry(entry: Buffer): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let rest = entry; rest.length > 0; ) {
    const head = rest.subarray(0, rest.indexOf("\n")).toString();
    const equals = head.indexOf("=");
    if (equals >= 0) {
      fields[head.slice(0, equals)] = head.slice(equals + 1);
      rest = rest.subarray(Buffer.byteLength(head) + 1);
      continue;
    }
    const begin = head.length + 1 + 8;
    const end = begin + Number(rest.readBigUInt64LE(head.length + 1));
    fields[head] = rest.subarray(begin, end).toString();
    assert.is(rest[end], 0x0a);
    rest = rest.subarray(end + 1);
  }
  return fields;
}

test("an event is one datagram with its members as fields, severity and identifier", async () => {
  const next = await listen(directories.journal);
  logEvent(directories, { event: "hang", vm: "web1", process: "disk0", detail: "silent", silentMs: 10_000 });
  assert.equal(parseEntry(await next()), {
    MESSAGE: "VM web1: hang: silent",
    PRIORITY: "4",
    SYSLOG_IDENTIFIER: "bulkhead",
    BULKHEAD_EVENT: "hang",
    BULKHEAD_VM: "web1",
    BULKHEAD_PROCESS: "disk0",
    BULKHEAD_DETAIL: "silent",
    BULKHEAD_SILENT_MS: "10000",
  });
});

test("a value cannot forge a field: one with a newline goes with its length", async () => {
  const next = await listen(directories.journal);
  logEvent(directories, { event: "death", vm: "web1", process: "disk0", detail: "a\nPRIORITY=0\n" });
  const fields = parseEntry(await next());
  assert.is(fields["PRIORITY"], "4");
  assert.is(fields["BULKHEAD_DETAIL"], "a\nPRIORITY=0\n");
});

test("a journal that takes nothing more does not block, and one that went away ends nothing", async () => {
  const next = await listen(directories.journal);
  server?.kill("SIGSTOP");
  const begin = Date.now();
  for (let count = 0; count < 2000; count += 1) logEvent(directories, { event: "running", vm: "web1" });
  assert.ok(Date.now() - begin < 3000, "a stopped journal held the launcher up");
  server?.kill("SIGCONT");
  assert.is(parseEntry(await next())["BULKHEAD_EVENT"], "running");
  server?.kill("SIGKILL");
  await once(server as ChildProcess, "exit");
  logEvent(directories, { event: "running", vm: "web1" });
});

test.run();
