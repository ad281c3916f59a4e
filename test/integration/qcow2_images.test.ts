import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { takeStaticInventory } from "../../src/host/index.js";
import { launch, previewPlan } from "../../src/index.js";
import { openTenantFile } from "../../src/machine/index.js";
import { judgeImages } from "../../src/machine/judge_images.js";
import { readPolicyFolder, resolveImageJudge } from "../../src/machine/resolved_role.js";
import { rootsDirectory } from "../../src/sandbox/index.js";
import { suite } from "../support/harness.js";
import { cgroupMount, demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { compileVictim } from "../support/victim/compile_victim.js";

const test = suite("qcow2 images, judged in a confined process", {
  needs: ["root", "qemu-tcg", "qemu-img", "user-namespaces", "cgroup-v2"],
  timeoutMs: 60_000,
});
let fixture: MachineFixture;

test.before(async () => {
  fixture = await makeFixture();
  make("base.qcow2");
});
test.after(() => fixture.remove());
test.afterEach(() => assert.equal(fixture.leftovers(), []));

const place = (name: string) => join(fixture.directory, name);

function qemuImg(...args: string[]): void {
  const done = spawnSync("qemu-img", args, { cwd: fixture.directory });
  assert.is(done.status, 0, String(done.stderr));
}

function make(name: string, ...options: string[]): string {
  qemuImg("create", "-q", "-f", "qcow2", ...options, name, "8M");
  return name;
}

/** A VM with one disk; `disk` as in a VM file. */
function vmText(disk: string, name = vmName("test-judged")): string {
  return `name: ${name}\nmachine: {memory: 64M, accel: tcg}\ndevices:\n  - {id: disk0, role: disk, model: lsi53c895a, disk: ${disk}}\n`;
}

const plan = async (disk: string) => previewPlan(await fixture.request(vmText(disk)));

async function refusal(disk: string): Promise<{ code: string; message: string; exitCode: number }> {
  const error = await plan(disk).then(
    () => null,
    (cause: Error & { code: string; exitCode: number }) => cause,
  );
  if (error === null) throw new Error(`${disk} was not refused`);
  return error;
}

test("what qemu-img makes is sound: both versions, all cluster sizes, compression, snapshots, bitmaps, preallocation", async () => {
  const options = [
    "compat=0.10",
    "cluster_size=512",
    "cluster_size=2M",
    "compression_type=zstd",
    "extended_l2=on",
    "refcount_bits=1",
  ];
  const images = options.map((option, index) => make(`made${index}.qcow2`, "-o", option));
  images.push(make("full.qcow2", "-o", "preallocation=metadata,lazy_refcounts=on"), make("kept.qcow2"));
  qemuImg("snapshot", "-c", "one", "kept.qcow2");
  qemuImg("bitmap", "--add", "kept.qcow2", "bitmap0");
  for (const image of images) {
    const { judges } = await plan(`{file: ${image}, format: qcow2}`);
    assert.equal(
      judges.map(({ id, role, fds }) => [id, role, fds.at(-1)?.access]),
      [["disk0-judge", "image-judge", "r"]],
    );
  }
});

test("a launch has each image judged in a group of its own, which is gone with the judge", async () => {
  const leaf = `${cgroupMount()}/bulkhead/${vmName("test-grouped")}/disk0-judge`;
  const members = new Set<string>();
  const poll = (): void => {
    if (existsSync(leaf)) for (const pid of readFileSync(`${leaf}/cgroup.procs`, "utf8").split("\n")) members.add(pid);
    if (!launched) setImmediate(poll);
  };
  let launched = false;
  poll();
  const request = await fixture.request(vmText("{file: base.qcow2, format: qcow2}", vmName("test-grouped")));
  const machine = await launch(request).finally(() => {
    launched = true;
  });
  const isLeft = existsSync(leaf);
  machine.kill();
  await machine.ended;
  members.delete("");
  assert.equal({ judged: members.size, isLeft }, { judged: 1, isLeft: false });
});

test("raw images are parsed by nobody: no judge is planned", async () => {
  assert.equal((await plan("{file: base.qcow2, format: raw}")).judges, []);
});

test("a backing file that the VM file does not name, or names in vain, is refused", async () => {
  make("top.qcow2", "-b", "base.qcow2", "-F", "qcow2");
  const unnamed = await refusal("{file: top.qcow2, format: qcow2}");
  assert.is(unnamed.code, "image-names-files");
  assert.match(
    unnamed.message,
    /^test\.yaml:4:\d+: cannot use the qcow2 image "top\.qcow2": it takes data from a backing file, "base\.qcow2"/,
  );
  const vain = await refusal("{file: base.qcow2, format: qcow2, backing: {file: disk0.img, format: raw}}");
  assert.match(vain.message, /it has no backing file, and the VM file names one/);
  const deeper = await refusal("{file: top.qcow2, format: qcow2, backing: {file: top2.qcow2, format: qcow2}}").catch(() => null);
  assert.is(deeper?.code, "image-unreadable");
  qemuImg("create", "-q", "-f", "qcow2", "-b", "top.qcow2", "-F", "qcow2", "third.qcow2");
  const middle = await refusal("{file: third.qcow2, format: qcow2, backing: {file: top.qcow2, format: qcow2}}");
  assert.match(middle.message, /cannot use the qcow2 image "top\.qcow2": it takes data from a backing file/);
});

test("another data file, encryption, a raw image and a cut one are refused, each in its words", async () => {
  make("data.qcow2", "-o", "data_file=data.raw");
  make("crypt.qcow2", "--object", "secret,id=key,data=x", "-o", "encrypt.format=aes,encrypt.key-secret=key");
  writeFileSync(place("cut.qcow2"), readFileSync(place("base.qcow2")).subarray(0, 100_000));
  for (const [image, code, words] of [
    ["data.qcow2", "image-names-files", /keeps its data in another file, and the VM file names none/],
    ["crypt.qcow2", "image-encrypted", /it is encrypted/],
    ["disk0.img", "image-malformed", /does not start as a qcow2 image does/],
    ["cut.qcow2", "image-malformed", /cannot be read to the end/],
  ] as const) {
    const error = await refusal(`{file: ${image}, format: qcow2}`);
    assert.is(error.code, code, error.message);
    assert.is(error.exitCode, 2);
    assert.match(error.message, words);
  }
});

test("a chain: the guest's disk shows what only the backing file holds, and the backing file is not written", async () => {
  qemuImg("convert", "-f", "raw", "-O", "qcow2", "disk0.img", "system.qcow2");
  qemuImg("create", "-q", "-f", "qcow2", "-b", "system.qcow2", "-F", "qcow2", "over.qcow2");
  const before = readFileSync(place("system.qcow2"));
  const text = demoVmText({ name: vmName("test-chain"), disks: "demo" }).replace(
    "{file: disk0.img}",
    "{file: over.qcow2, format: qcow2, backing: {file: system.qcow2, format: qcow2}}",
  );
  const machine = await launch(await fixture.request(text));
  const ending = await machine.ended;
  assert.is(ending.reason, "guest-shutdown", ending.detail);
  assert.ok(readFileSync(place("system.qcow2")).equals(before));
});

test("a data file that the VM file names: the guest's disk shows what it holds and writes it; its name in the image counts for nothing", async () => {
  qemuImg("convert", "-f", "raw", "-O", "qcow2", "-o", "data_file=named.raw", "disk0.img", "split.qcow2");
  renameSync(place("named.raw"), place("held.raw"));
  const vain = await refusal("{file: base.qcow2, format: qcow2, dataFile: held.raw}");
  assert.is(vain.code, "image-names-files");
  assert.match(vain.message, /keeps its data in itself, and the VM file names a data file/);
  const shared = await refusal("{file: split.qcow2, format: qcow2, dataFile: split.qcow2}");
  assert.is(shared.code, "image-shared");
  const text = demoVmText({ name: vmName("test-split"), disks: "demo" }).replace(
    "{file: disk0.img}",
    "{file: split.qcow2, format: qcow2, dataFile: held.raw}",
  );
  const machine = await launch(await fixture.request(text));
  const second = await launch(await fixture.request(vmText("{file: held.raw}", vmName("test-split-second")))).then(
    () => null,
    (error: Error & { code: string }) => error,
  );
  assert.is(second?.code, "image-busy", second?.message);
  const ending = await machine.ended;
  assert.is(ending.reason, "guest-shutdown", ending.detail);
});

/** A judge that the image has taken over: what it does stands in the image's first byte. */
async function judgeBy(
  program: string,
  firstByte: string,
  root: "own" | "another" = "own",
): Promise<{ code: string; message: string } | null> {
  await writeFile(place("evil.qcow2"), Buffer.concat([Buffer.from(firstByte), readFileSync(place("base.qcow2")).subarray(1)]));
  const request = await fixture.request(vmText("{file: base.qcow2, format: qcow2}"));
  const planned = await previewPlan(request);
  const role = await resolveImageJudge(request, readPolicyFolder(request.policyFolder));
  const inventory = takeStaticInventory({ source: program, target: "/bin/image-judge", version: "taken over" });
  const source = `${rootsDirectory(request.directories.cache)}/${inventory.sha256}`;
  const ungrouped = planned.judges.map((judge) => ({ ...judge, cgroup: null }));
  const replaced = ungrouped.map((judge) => {
    return { ...judge, root: judge.root.map((entry) => (entry.target === "/" ? { ...entry, source } : entry)) };
  });
  const image = openTenantFile({ path: "evil.qcow2", access: "r", position: () => "test.yaml:4:1" }, fixture.directory, [
    fixture.directory,
  ]);
  const judges = root === "own" ? replaced : ungrouped;
  const images = new Map([["disk0", image]]);
  const inputs = { request, plan: { ...planned, judges }, role: { ...role, inputs: { ...role.inputs, inventory } }, images };
  return judgeImages(inputs).then(
    () => null,
    (error: Error & { code: string }) => error,
  );
}

test("a judge that its image has taken over: the call kills it, the image is refused, the log says so", async () => {
  const { path, remove } = compileVictim("hostile_judge", ["-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector"]);
  try {
    for (const [byte, words] of [
      ["o", /died of SIGSYS/],
      ["s", /answered something else than a verdict/],
    ] as const) {
      const error = await judgeBy(path, byte);
      assert.is(error?.code, "image-hostile", `${byte}: ${error?.message}`);
      assert.match(error?.message ?? "", words);
    }
    const events = readFileSync(place("log/events.jsonl"), "utf8");
    assert.match(events, /"event":"intrusion".*"process":"disk0-judge".*SIGSYS/);
  } finally {
    remove();
    rmSync(place("evil.qcow2"));
  }
});

test("a judge that is not what its plan says reads no byte of the image", async () => {
  const { path, remove } = compileVictim("hostile_judge", ["-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector"]);
  try {
    // It runs from the real judge's root, and is held against another: one difference of many that could be.
    const error = await judgeBy(path, "o", "another");
    assert.is(error?.code, "verification-failed", error?.message);
    assert.match(error?.message ?? "", /disk0-judge \(pid \d+\), layer root/);
  } finally {
    remove();
    rmSync(place("evil.qcow2"));
  }
});

test.run();
