import { spawn, spawnSync } from "node:child_process";
import { chmodSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { checkWrittenSector } from "../../examples/demo/images.js";
import { launch } from "../../src/index.js";
import { suite } from "../support/harness.js";
import { demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { linksOfFds } from "../support/proc_reading.js";
import { buildRoot } from "../support/repository.js";
import { runBulkhead, TEST_HOST_FILE, waitUntil } from "../support/run_command.js";

const test = suite("backends: images and private roots", {
  needs: ["root", "qemu-tcg", "qemu-img", "user-namespaces"],
  timeoutMs: 60_000,
});
let fixture: MachineFixture;

test.before(async () => {
  fixture = await makeFixture();
});
test.after(() => fixture.remove());
test.afterEach(() => assert.equal(fixture.leftovers(), []));

function convert(from: string, to: string, ...formats: [string, string]): void {
  const [source, target] = formats;
  const done = spawnSync("qemu-img", [
    "convert",
    "-f",
    source,
    "-O",
    target,
    join(fixture.directory, from),
    join(fixture.directory, to),
  ]);
  assert.is(done.status, 0, String(done.stderr));
}

test("qcow2: the guest reads and writes through the format layer of its device process", async () => {
  convert("disk1.img", "disk1.qcow2", "raw", "qcow2");
  const text = demoVmText({ name: vmName("test-qcow2"), disks: "demo" }).replace(
    "{file: disk1.img}",
    "{file: disk1.qcow2, format: qcow2}",
  );
  await writeFile(join(fixture.directory, "qcow2.yaml"), text);
  const result = await runBulkhead(["run", "qcow2.yaml"], fixture);
  assert.is(result.exitCode, 0, result.stderr);
  convert("disk1.qcow2", "disk1-back.img", "qcow2", "raw");
  assert.ok((await checkWrittenSector(join(fixture.directory, "disk1-back.img"))).genuine);
});

test("a name with commas, quotes and spaces stays a name", async () => {
  const odd = `it's, "odd",file=x .img`;
  convert("disk1.img", odd, "raw", "raw");
  const text = demoVmText({ name: vmName("test-odd"), disks: "demo" }).replace(
    "{file: disk1.img}",
    `{file: ${JSON.stringify(odd)}}`,
  );
  await writeFile(join(fixture.directory, "odd.yaml"), text);
  const result = await runBulkhead(["run", "odd.yaml"], fixture);
  assert.is(result.exitCode, 0, result.stderr);
  assert.ok((await checkWrittenSector(join(fixture.directory, odd))).genuine);
});

test("one image for two writers is refused before anything starts", async () => {
  const text = demoVmText({ name: vmName("test-shared"), disks: "blank" }).replace("disk1-blank.img", "disk0-blank.img");
  await writeFile(join(fixture.directory, "shared.yaml"), text);
  const result = await runBulkhead(["run", "shared.yaml"], fixture);
  assert.is(result.exitCode, 2);
  assert.match(result.stderr, /"disk0" has it too, and one of them writes/);
});

test("one image for two VMs: the second is told who has it, before anything starts, and does the first no harm", async () => {
  const first = await launch(await fixture.request(demoVmText({ name: vmName("test-first"), disks: "blank" })));
  try {
    await writeFile(join(fixture.directory, "second.yaml"), demoVmText({ name: vmName("test-second"), disks: "blank" }));
    const second = await runBulkhead(["run", "second.yaml"], fixture);
    assert.is(second.exitCode, 3, second.stderr);
    assert.match(
      second.stderr,
      /second\.yaml:\d+:\d+: cannot write "disk0-blank\.img": VM "test-first-\w+" \(its disk0\) holds a lock on it/,
    );
    assert.is((await runBulkhead(["plan", "second.yaml"], fixture)).exitCode, 0, "to plan is to look only");
  } finally {
    first.kill();
    await first.ended;
  }
});

test("a private root that was tampered with is built anew before it is used", async () => {
  const request = await fixture.request(demoVmText({ name: vmName("test-tamper"), disks: "blank" }));
  const machine = await launch(request);
  machine.kill();
  await machine.ended;
  const root = machine.plan.processes[0]?.root.find((entry) => entry.target === "/")?.source ?? "";
  const program = join(root, "usr/bin/qemu-system-x86_64");
  chmodSync(program, 0o755);
  const again = await launch(await fixture.request(demoVmText({ name: vmName("test-tamper2"), disks: "blank" })));
  again.kill();
  await again.ended;
  assert.is(statSync(program).mode & 0o777, 0o111);
});

test.run();

const tap = suite("backends: taps", { needs: ["root", "qemu-tcg", "tun", "network-namespaces"], timeoutMs: 60_000 });
const namespace = `bulkhead-test-${process.pid}`;

function ip(...args: string[]): void {
  const done = spawnSync("ip", args);
  assert.is(done.status, 0, `ip ${args.join(" ")}: ${String(done.stderr)}`);
}

tap.before(async () => {
  fixture = await makeFixture();
  ip("netns", "add", namespace);
  ip("-n", namespace, "tuntap", "add", "tap0", "mode", "tap");
  ip("-n", namespace, "link", "set", "tap0", "up");
});
tap.after(async () => {
  ip("netns", "del", namespace);
  await fixture.remove();
});

/** `bulkhead` inside the test's network namespace; `ip netns exec` would hide the cgroups by mounting /sys anew. */
function inNamespace(...args: string[]) {
  const command = [`--net=/run/netns/${namespace}`, process.execPath, join(buildRoot, "bundle/cli/main.js"), ...args];
  return spawn("nsenter", command, { cwd: fixture.directory, env: fixture.environment, stdio: ["ignore", "ignore", "pipe"] });
}

async function endOf(child: ReturnType<typeof inNamespace>): Promise<{ exitCode: number | null; stderr: string }> {
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString("utf8");
  });
  const exitCode = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { exitCode, stderr };
}

function tapVm(name: string, device: string): string {
  return demoVmText({ name, disks: "blank" }).replace("{disconnected: true}", `{tap: ${device}}`);
}

tap("a tap goes to the network card's process and to no other; a second VM is told that it is busy", async () => {
  await writeFile(join(fixture.directory, "tap.yaml"), tapVm(vmName("test-tap"), "tap0"));
  const running = inNamespace("run", "--host-file", TEST_HOST_FILE, "tap.yaml");
  const finished = endOf(running);
  const list = async () => {
    const all = JSON.parse((await runBulkhead(["ps", "--json"], fixture)).stdout) as {
      vm: string;
      state: string;
      processes: { id: string; pid: number }[];
    }[];
    return all.find((entry) => entry.vm === vmName("test-tap"));
  };
  await waitUntil(async () => (await list())?.state === "running", "the VM running");
  const holders = (await list())?.processes.filter(({ pid }) => [...linksOfFds(pid).values()].includes("/dev/net/tun"));
  assert.equal(
    holders?.map(({ id }) => id),
    ["net0"],
  );
  // Without disks: those of the first VM are claimed as well, and would be told first.
  const withoutDisks = tapVm(vmName("test-busy"), "tap0").replace(/^.*role: disk.*\n/gm, "");
  await writeFile(join(fixture.directory, "busy.yaml"), withoutDisks);
  const busy = await endOf(inNamespace("run", "--host-file", TEST_HOST_FILE, "busy.yaml"));
  assert.is(busy.exitCode, 3, busy.stderr);
  assert.match(busy.stderr, /Cannot attach to tap "tap0": TUNSETIFF: EBUSY/);
  await runBulkhead(["stop", vmName("test-tap")], fixture);
  assert.is((await finished).exitCode, 0);
  ip("-n", namespace, "link", "show", "tap0");
});

tap("an interface that is no tap is refused and told apart from one that is missing", async () => {
  ip("-n", namespace, "tuntap", "add", "taptun", "mode", "tun");
  await writeFile(join(fixture.directory, "other.yaml"), tapVm(vmName("test-other"), "taptun"));
  const result = await endOf(inNamespace("run", "--host-file", TEST_HOST_FILE, "other.yaml"));
  assert.is(result.exitCode, 3, result.stderr);
  assert.match(result.stderr, /Cannot attach to tap "taptun": TUNSETIFF: EINVAL. It is an interface of another kind/);
});

tap("a tap that does not exist is not made", async () => {
  await writeFile(join(fixture.directory, "missing.yaml"), tapVm(vmName("test-missing"), "tap9"));
  const result = await endOf(inNamespace("run", "--host-file", TEST_HOST_FILE, "missing.yaml"));
  assert.is(result.exitCode, 3, result.stderr);
  assert.match(result.stderr, /Cannot attach to tap "tap9": SIOCGIFINDEX: ENODEV/);
  assert.is(spawnSync("ip", ["-n", namespace, "link", "show", "tap9"]).status, 1);
});

tap.run();
