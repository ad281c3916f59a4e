import { spawnSync } from "node:child_process";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { findRun, openDirectories } from "../../src/index.js";
import { askSupervisor, permittedCommands } from "../../src/machine/index.js";
import { suite } from "../support/harness.js";
import { findListed, writeIdleVm } from "../support/idle_vm.js";
import { type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { runBulkhead } from "../support/run_command.js";

const test = suite("control of a VM from other terminals", { needs: ["root", "qemu-tcg", "user-namespaces"], timeoutMs: 60_000 });
const VM = vmName("test-control");
/** Any uid but root's. */
const STRANGER_UID = 54_321;
let fixture: MachineFixture;

test.before(async () => {
  fixture = await makeFixture();
  await writeIdleVm(fixture, VM);
  const started = await runBulkhead(["run", "--detach", `${VM}.yaml`], fixture);
  assert.is(started.exitCode, 0, started.stderr);
});
test.after(async () => {
  const stopped = await runBulkhead(["stop", VM], fixture);
  assert.is(stopped.exitCode, 0, stopped.stderr);
  assert.equal(fixture.leftovers(), []);
  await fixture.remove();
});

const qmp = (...words: string[]) => runBulkhead(["qmp", VM, ...words], fixture);

/** Without a process of its own for each of a hundred questions. */
async function ask(id: string, command: string, args: Record<string, unknown>): Promise<unknown> {
  const run = findRun(openDirectories(fixture.environment), VM);
  if (run === null) throw new Error("the VM has ended");
  return askSupervisor(run, { request: "qmp", process: id, command, arguments: args });
}

/** Commands that need arguments of their own. */
const ARGUMENTS: Readonly<Record<string, Record<string, unknown>>> = {
  "qom-get": { path: "/machine", property: "type" },
  "qom-list": { path: "/machine" },
};

/** What QEMU says of a command that makes no sense for this machine, or that this version does not have. */
const QEMU_LACKS =
  /Cannot talk to the monitor.*(No balloon|not supported|does not support|has not been found|No net|not available)/s;

for (const [id, role] of [
  ["vmm", "vmm"],
  ["disk0", "disk"],
  ["net0", "net"],
] as const) {
  test(`${id}: every permitted command is answered or unknown to this QEMU, and the process lives on under its filter`, async () => {
    for (const command of permittedCommands(role)) {
      const said = await ask(id, command, ARGUMENTS[command] ?? {}).catch((error: Error) => error.message);
      // A machine without a balloon says so: that is an answer of QEMU's too.
      if (typeof said === "string" && said.startsWith("Cannot")) assert.match(said, QEMU_LACKS);
    }
    assert.is((await findListed(fixture, VM))?.processes.length, 4);
  });
}

for (const [words, why] of [
  [["quit"], /changes whether the guest runs/],
  [["disk0", "blockdev-add", '{"driver": "file", "filename": "/etc/shadow"}'], /opens paths/],
  [["migrate", '{"uri": "exec:id"}'], /opens paths/],
  [["human-monitor-command", '{"command-line": "info status"}'], /verified against its plan/],
  [["getfd", '{"fdname": "a"}'], /manifest/],
  [["query-cpu-definitions"], /allows at the start only/],
  [["disk0", "query-pci"], /only the VMM/],
  [["no-such-command"], /not among the commands that only read/],
  [["tape9", "query-status"], /its processes are disk0, disk1, net0, vmm/],
  [["query-status", "{broken"], /not JSON/],
  [["vmm", "query-status", "more", "words"], /more than a process/],
] as const) {
  test(`qmp ${words.join(" ")}: refused with the reason, exit code 2`, async () => {
    const refused = await qmp(...words);
    assert.is(refused.exitCode, 2, refused.stdout + refused.stderr);
    assert.match(refused.stderr, why);
  });
}

const CONNECT = `import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(3)
s.connect(sys.argv[1])
try:
  s.sendall(sys.stdin.buffer.read())
  answer = b""
  while True:
    part = s.recv(65536)
    if not part: break
    answer += part
  print(answer.decode() or "closed")
except OSError as error:
  print("closed")`;

function send(text: string | Buffer, uid = 0): string {
  const path = `${fixture.directory}/run/vms/${VM}/control`;
  const { stdout, stderr } = spawnSync("python3", ["-c", CONNECT, path], { uid, cwd: "/", input: text, encoding: "utf8" });
  return stdout.trim() + stderr.trim();
}

const STATUS = `${JSON.stringify({ request: "qmp", process: "vmm", command: "query-status", arguments: {} })}\n`;

test("a stranger's uid is refused even where it reaches the socket, and the refusal is logged", () => {
  const directories = ["", "/run", "/run/vms", `/run/vms/${VM}`].map((path) => `${fixture.directory}${path}`);
  const socket = `${fixture.directory}/run/vms/${VM}/control`;
  for (const path of directories) assert.is(statSync(path).mode & 0o077, 0, path);
  assert.match(send(STATUS, STRANGER_UID), "PermissionError");
  for (const path of [...directories, socket]) chmodSync(path, 0o777);
  try {
    assert.is(send(STATUS, STRANGER_UID), "closed");
    assert.match(send(STATUS), /"running":true/);
  } finally {
    for (const path of [...directories, socket]) chmodSync(path, 0o700);
  }
  assert.match(
    readFileSync(`${fixture.directory}/log/events.jsonl`, "utf8"),
    `"event":"control-refused","vm":"${VM}","uid":${STRANGER_UID}`,
  );
});

for (const [what, text, said] of [
  ["no JSON", "hello\n", /"code":"request-garbled".*not JSON/],
  ["an unknown request", '{"request":"format"}\n', /"code":"request-garbled"/],
  ["nesting without end", `${"[".repeat(1000)}\n`, /nested deeper/],
  ["a line without end", Buffer.alloc(200_000, 0x61), /^closed$/],
  ["two requests", STATUS + STATUS, /^closed$/],
] as const) {
  test(`a control request that is ${what} is refused and ends nothing`, async () => {
    assert.match(send(text), said);
    assert.match(send(STATUS), /"running":true/);
  });
}

test("ps: a damaged record is named, exit code 3; gc leaves it to the supervisor that lives", async () => {
  const path = join(fixture.directory, "run/vms", VM, "record.json");
  const record = readFileSync(path);
  writeFileSync(path, record.subarray(0, 40));
  const listed = await runBulkhead(["ps"], fixture);
  assert.is(listed.exitCode, 3);
  assert.match(listed.stderr, `the record of VM "${VM}" is damaged`);
  const cleaned = await runBulkhead(["gc"], fixture);
  assert.is(cleaned.exitCode, 0, cleaned.stderr);
  writeFileSync(path, record);
  // A live supervisor's VM was not touched.
  assert.is((await findListed(fixture, VM))?.processes.length, 4);
});

test.run();
