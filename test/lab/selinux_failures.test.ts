// Runs inside the lab, by test/lab_long/selinux.test.ts: what is not as planned ends the launch or is a finding, never silence.
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import * as assert from "uvu/assert";
import { loadLabPolicy } from "../../src/compliance/lab/index.js";
import type { BulkheadError } from "../../src/errors/index.js";
import { launch } from "../../src/index.js";
import { readLabel, writeLabel } from "../../src/selinux/index.js";
import { listLabelRecords } from "../../src/selinux/labels/index.js";
import { openDirectories } from "../../src/state/index.js";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture } from "../support/machine_fixture.js";
import { runBulkhead, waitUntil } from "../support/run_command.js";
import { requestOn, vmText } from "./lab_vm.js";

const test = suite("SELinux that is not as planned", { needs: ["root", "kvm", "selinux-enforcing"], timeoutMs: 240_000 });

const execute = promisify(execFile);
/** The lab is emulated, on a machine that may have other work. */
const CLEANUP_DEADLINE_MS = 30_000;
const IMAGE_BYTES = 1024 * 1024;
const IMAGES = ["disk0-blank.img", "disk1-blank.img"];

let fixture: MachineFixture;
let ownLabel: string | null;
test.before(async () => {
  fixture = await makeFixture();
  ownLabel = readLabel(join(fixture.directory, "disk0-blank.img"));
});
test.after(() => fixture.remove());

/** Nothing is left, and every image has the label that it came with. */
function expectUndone(): void {
  assert.equal(fixture.leftovers(), []);
  for (const image of IMAGES) assert.is(readLabel(join(fixture.directory, image)), ownLabel, image);
  assert.equal(listLabelRecords(openDirectories(fixture.environment)), []);
}

/** A launch of which every child is told another context, or none. */
async function failLaunch(name: string, change: (context: string) => string | null): Promise<BulkheadError> {
  const request = await requestOn("10", {
    fixture,
    text: vmText(name),
    change: {
      alterSpawn: (id, spawn) => ({
        ...spawn,
        operations: spawn.operations.flatMap((operation) => {
          if (operation.step !== "exec-context" || id !== "disk0") return [operation];
          const context = change(operation.path ?? "");
          return context === null ? [] : [{ ...operation, path: context }];
        }),
      }),
    },
  });
  const failure = await launch(request).then(
    (machine) => {
      machine.kill();
      throw new Error("it was launched");
    },
    (error: BulkheadError) => error,
  );
  expectUndone();
  return failure;
}

test("a type that the policy does not know ends the launch at its step", async () => {
  const failure = await failLaunch("test-unknown-type", (context) => context.replace("bulkhead_disk_t", "no_such_t"));
  assert.is(failure.code, "step-failed");
  assert.match(failure.message, /"disk0": step exec-context.*EINVAL/);
});

test("a domain that nobody may become ends the launch at exec", async () => {
  const failure = await failLaunch("test-forbidden-type", (context) => context.replace("bulkhead_disk_t", "sshd_t"));
  assert.match(failure.message, /disk0/);
});

test("a child that sets no context stays in the launcher's domain, and is found before the guest runs", async () => {
  const failure = await failLaunch("test-no-context", () => null);
  assert.match(failure.message, /disk0/);
});

test("another category than planned is found", async () => {
  const failure = await failLaunch("test-other-category", (context) => context.replace(/c\d+$/, "c1023"));
  assert.match(failure.message, /disk0/);
});

test("the end of a VM gives images their own labels back; one relabelled behind its back is a finding", async () => {
  const started = await detach("test-restored", (text) => text);
  assert.is(started.exitCode, 0, started.stderr);
  const image = join(fixture.directory, "disk0-blank.img");
  const label = readLabel(image) ?? "";
  assert.match(label, /bulkhead_image_t/);
  assert.is(await inspect("test-restored", /"differences":\[\]/), 0);
  writeLabel(image, "system_u:object_r:tmp_t:s0", image);
  assert.is(await inspect("test-restored", /"layer":"selinux"[^}]*tmp_t/), 1);
  writeLabel(image, label, image);
  await stop("test-restored");
  expectUndone();
});

test("a device that is added has categories of its own, and gc gives its image its own label back", async () => {
  const image = join(fixture.directory, "added.img");
  await writeFile(image, Buffer.alloc(IMAGE_BYTES));
  await writeFile(join(fixture.directory, "host.yaml"), "hotPlug: true\n", { mode: 0o644 });
  await writeFile(join(fixture.directory, "disk7.yaml"), "{id: disk7, role: disk, model: lsi53c895a, disk: {file: added.img}}\n");
  const started = await detach(
    "test-plug",
    (text) => text.replace("accel: kvm", "accel: kvm, hotPlugSlots: 1"),
    "--host-file",
    "host.yaml",
  );
  assert.is(started.exitCode, 0, started.stderr);
  const added = await bulkhead("device", "add", "test-plug", "disk7.yaml");
  assert.is(added.exitCode, 0, added.stderr);
  assert.is(await inspect("test-plug", /"differences":\[\]/), 0);
  const labels = ["added.img", "disk0-blank.img", "disk1-blank.img"].map((name) => readLabel(join(fixture.directory, name)));
  for (const label of labels) assert.match(label ?? "", /bulkhead_image_t/);
  assert.is(new Set(labels).size, labels.length);
  await stop("test-plug");
  assert.is((await bulkhead("gc")).exitCode, 0);
  assert.is(readLabel(image), ownLabel);
  expectUndone();
});

function bulkhead(...args: string[]) {
  return runBulkhead(args, fixture);
}

async function detach(name: string, change: (text: string) => string, ...options: string[]) {
  const text = vmText(name).replace("console: {serial: stdio}\n", "");
  await writeFile(join(fixture.directory, `${name}.yaml`), change(text));
  return bulkhead("run", "--detach", ...options, `${name}.yaml`);
}

/** What inspect says must match; returns its exit code. */
async function inspect(name: string, said: RegExp): Promise<number | null> {
  const { exitCode, stdout } = await bulkhead("inspect", name, "--json");
  assert.match(JSON.stringify(JSON.parse(stdout)), said);
  return exitCode;
}

async function stop(name: string): Promise<void> {
  const stopped = await bulkhead("stop", "--now", name);
  assert.is(stopped.exitCode, 0, stopped.stderr);
  await waitUntil(() => fixture.leftovers().length === 0, "the cleanup's end", CLEANUP_DEADLINE_MS);
}

test("permissive: the layer is unavailable, and a VM that requires it is refused", async () => {
  await execute("setenforce", ["0"]);
  try {
    const request = await requestOn("10", { fixture, text: `${vmText("test-permissive")}require: [selinux]\n` });
    await assertRejects(launch(request), "layer-unavailable");
  } finally {
    await execute("setenforce", ["1"]);
  }
  expectUndone();
});

test("the module is removed: the layer is unavailable, and a VM that requires it is refused", async () => {
  await loadLabPolicy("without");
  try {
    const request = await requestOn("10", { fixture, text: `${vmText("test-removed")}require: [selinux]\n` });
    await assertRejects(launch(request), "layer-unavailable");
  } finally {
    await loadLabPolicy("whole");
  }
  expectUndone();
});

test("an image that can carry no label ends the launch", async () => {
  const place = join(fixture.directory, "unlabelled");
  await mkdir(place);
  await execute("mount", ["-t", "ramfs", "ramfs", place]);
  try {
    await writeFile(join(place, "disk0.img"), Buffer.alloc(IMAGE_BYTES));
    const text = vmText("test-unlabelled").replace("disk0-blank.img", "unlabelled/disk0.img");
    await assertRejects(launch(await requestOn("10", { fixture, text })), "label-unwritable");
  } finally {
    await execute("umount", [place]);
  }
  expectUndone();
});

async function assertRejects(work: Promise<unknown>, code: string): Promise<void> {
  const failure = await work.then(
    () => null,
    (error: BulkheadError) => error,
  );
  assert.is(failure?.code, code);
}

test.run();
