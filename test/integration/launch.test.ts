import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { buildDemoImages, checkWrittenSector, MARKED_TEXTS } from "../../examples/demo/images.js";
import { launch } from "../../src/index.js";
import { writeBootImage } from "../support/boot_sectors.js";
import { suite } from "../support/harness.js";
import { demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { repositoryRoot } from "../support/repository.js";
import { runBulkhead } from "../support/run_command.js";

const test = suite("bulkhead run: the demo VM", { needs: ["root", "qemu-tcg", "user-namespaces"], timeoutMs: 60_000 });
let fixture: MachineFixture;
/** Before it was looked for, one launch in four failed on a busy machine. */
const BRIEF_ROUNDS = 6;

test.before(async () => {
  fixture = await makeFixture();
});
test.after(() => fixture.remove());

async function runDemo(name: string, text: string) {
  await writeFile(join(fixture.directory, `${name}.yaml`), text);
  return runBulkhead(["run", `${name}.yaml`], fixture);
}

test("demo, TCG: firmware boots from disk0, the guest reads both disks, writes disk1 and ends with exit 0", async () => {
  const result = await runDemo(vmName("test-tcg"), demoVmText({ name: vmName("test-tcg"), disks: "demo" }));
  assert.is(result.exitCode, 0, result.stderr);
  for (const text of Object.values(MARKED_TEXTS)) assert.match(result.stdout, text);
  assert.match(result.stdout, "bulkhead-boot: disk1 read back, same");
  assert.ok((await checkWrittenSector(join(fixture.directory, "disk1.img"))).genuine);
  assert.equal(fixture.leftovers(), []);
});

test("disk1 read-only: the guest's write is refused and disk1 is unchanged", async () => {
  const text = demoVmText({ name: vmName("test-readonly"), disks: "demo" }).replace(
    "{file: disk1.img}",
    "{file: disk1.img, readOnly: true}",
  );
  await buildDemoImages(fixture.directory, join(repositoryRoot, "native/build/boot"));
  const result = await runDemo(vmName("test-readonly"), text);
  assert.is(result.exitCode, 0, result.stderr);
  for (const text of Object.values(MARKED_TEXTS)) assert.match(result.stdout, text);
  assert.match(result.stdout, /bulkhead-boot: error: cannot write to disk1, BIOS status [0-9a-f]{2}\r\n/);
  assert.not.match(result.stdout, "disk1 written");
  assert.not.ok((await checkWrittenSector(join(fixture.directory, "disk1.img"))).genuine);
  assert.equal(fixture.leftovers(), []);
});

test("a guest that powers off at once: the launch is none that failed, however late the monitor's answer", async () => {
  await writeBootImage(join(fixture.directory, "disk0-blank.img"), "power-off");
  const text = demoVmText({ name: vmName("test-brief"), disks: "blank" }).replace("console:", "boot: {disk: disk0}\nconsole:");
  for (let round = 0; round < BRIEF_ROUNDS; round += 1) {
    const machine = await launch(await fixture.request(text));
    const { reason, detail } = await machine.ended;
    assert.is(reason, "guest-shutdown", detail);
  }
  assert.equal(fixture.leftovers(), []);
});

test.run();

const kvm = suite("bulkhead run: the demo VM with KVM", { needs: ["root", "qemu", "user-namespaces", "kvm"], timeoutMs: 90_000 });

kvm("demo, KVM: the same machine with vCPUs in the kernel ends with exit 0", async () => {
  const own = await makeFixture();
  try {
    const text = demoVmText({ name: vmName("test-kvm"), disks: "demo" }).replace("accel: tcg", "accel: kvm");
    await writeFile(join(own.directory, `${vmName("test-kvm")}.yaml`), text);
    const result = await runBulkhead(["run", `${vmName("test-kvm")}.yaml`], own);
    assert.is(result.exitCode, 0, result.stderr);
    for (const said of Object.values(MARKED_TEXTS)) assert.match(result.stdout, said);
    assert.ok((await checkWrittenSector(join(own.directory, "disk1.img"))).genuine);
    assert.equal(own.leftovers(), []);
  } finally {
    await own.remove();
  }
});

kvm.run();
