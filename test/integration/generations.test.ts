import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { checkWrittenSector } from "../../examples/demo/images.js";
import { QEMU_GENERATIONS, type QemuGeneration, type QemuRoot, qemuRoot } from "../../src/compliance/lab/index.js";
import { BulkheadError, type LaunchRequest, launch } from "../../src/index.js";
import { suite } from "../support/harness.js";
import { demoVmText, type MachineFixture, makeFixture, vmName } from "../support/machine_fixture.js";
import { runBulkhead } from "../support/run_command.js";

let fixture: MachineFixture;
const roots = new Map<QemuGeneration, QemuRoot>();

function rootOf(generation: QemuGeneration): QemuRoot {
  const root = roots.get(generation);
  assert.ok(root, `no root of QEMU ${generation}`);
  return root as QemuRoot;
}

/** `bulkhead run` of the demo VM on the QEMU that the host file names. */
async function runDemo(generation: QemuGeneration, accel: "kvm" | "tcg") {
  const name = vmName(`test-qemu-${generation.replace(".", "-")}`);
  const own = await makeFixture();
  try {
    await writeFile(join(own.directory, "vm.yaml"), demoVmText({ name, disks: "demo" }).replace("accel: tcg", `accel: ${accel}`));
    await writeFile(join(own.directory, "host.yaml"), `qemu: {sysroot: ${rootOf(generation).root}}\n`, { mode: 0o644 });
    const result = await runBulkhead(["run", "--host-file", "host.yaml", "vm.yaml"], own);
    const written = await checkWrittenSector(join(own.directory, "disk1.img"));
    return { ...result, written, leftovers: own.leftovers() };
  } finally {
    await own.remove();
  }
}

async function setUp(): Promise<void> {
  fixture = await makeFixture();
  const context = { progress: () => undefined };
  for (const generation of QEMU_GENERATIONS) roots.set(generation, await qemuRoot(generation, context));
}

async function failureOf(generation: QemuGeneration, name: string, change: Partial<LaunchRequest>): Promise<BulkheadError> {
  const { binary, root } = rootOf(generation);
  const text = demoVmText({ name, disks: "blank" }).replace("accel: tcg", `accel: ${generation === "7.2" ? "tcg" : "kvm"}`);
  try {
    const machine = await launch(await fixture.request(text, { qemu: { program: binary, sysroot: root }, ...change }));
    machine.kill();
    await machine.ended;
  } catch (error) {
    if (!(error instanceof BulkheadError)) throw error;
    assert.equal(fixture.leftovers(), []);
    return error;
  }
  throw new Error("the launch went through");
}

/** The VMM is told of a floppy controller that its plan does not name. */
const withFloppy: NonNullable<LaunchRequest["alterSpawn"]> = (id, request) =>
  id === "vmm" ? { ...request, argv: [...request.argv, "-device", "isa-fdc"] } : request;

function expectDemo(result: Awaited<ReturnType<typeof runDemo>>): void {
  assert.is(result.exitCode, 0, result.stderr);
  assert.match(result.stdout, "bulkhead-boot: disk1 read back, same");
  assert.ok(result.written.genuine);
  assert.equal(result.leftovers, []);
}

const TCG_NEEDS = ["root", "user-namespaces", "lab"] as const;
const test = suite("the demo VM by QEMU generation", { needs: TCG_NEEDS, timeoutMs: 60_000 });
test.before(setUp);
test.after(() => fixture.remove());

test("QEMU 7.2 with TCG: ends with exit 0", async () => expectDemo(await runDemo("7.2", "tcg")));

for (const generation of ["10", "11"] as const) {
  test(`QEMU ${generation} with TCG: refused before anything starts, since its VMM would crash`, async () => {
    const { exitCode, stderr } = await runDemo(generation, "tcg");
    assert.is(exitCode, 2, stderr);
    assert.match(stderr, `this is QEMU emulator version ${generation}.`);
  });
}

test("QEMU 7.2: a floppy controller in the VMM ends the launch", async () => {
  const error = await failureOf("7.2", vmName("test-floppy-7"), { alterSpawn: withFloppy });
  assert.is(error.code, "device-unplanned");
  assert.match(error.message, "isa-fdc (a floppy controller is among them)");
});

test.run();

const kvm = suite("the demo VM by QEMU generation with KVM", { needs: [...TCG_NEEDS, "kvm"], timeoutMs: 60_000 });
kvm.before(setUp);
kvm.after(() => fixture.remove());

for (const generation of QEMU_GENERATIONS) {
  kvm(`QEMU ${generation} with KVM: ends with exit 0`, async () => expectDemo(await runDemo(generation, "kvm")));
}

for (const generation of ["10", "11"] as const) {
  kvm(`QEMU ${generation}: a floppy controller in the VMM ends the launch`, async () => {
    const error = await failureOf(generation, vmName(`test-floppy-${generation}`), { alterSpawn: withFloppy });
    assert.is(error.code, "device-unplanned");
    assert.match(error.message, "isa-fdc (a floppy controller is among them)");
  });
}

kvm.run();
