import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { QEMU_GENERATIONS, type QemuGeneration, type QemuRoot, qemuRoot } from "../../src/compliance/lab/index.js";
import { addon } from "../../src/kernel/index.js";
import { suite } from "../support/harness.js";
import { GUEST_MEMORY_BYTES, type QtestVmm, startQtestVmm } from "../support/protocol/qtest_vmm.js";
import { buildRoot } from "../support/repository.js";

const test = suite("QEMU's proxy and a device in TypeScript", { needs: ["root", "lab", "kvm"], timeoutMs: 15_000 });

/** Slot 4 of bus 0 in the address port: PCI Local Bus Specification 3.0, 3.2.2.3.2. */
const DEVICE = 0x8000_2000;
const COMMAND = 0x04;
const BAR_0 = 0x10;
const WINDOW = 0xfeb0_0000;
/** Bits of the command register. */
const MEMORY = 0x2;
const BUS_MASTER = 0x4;
/** The engine's registers, and bits of its status: examples/dma_engine/dma_engine.ts. */
const [SOURCE, DESTINATION, LENGTH, CONTROL, STATUS] = [0x00, 0x08, 0x10, 0x14, 0x18];
const [DONE, FAILED] = [1n, 2n];

const roots = new Map<QemuGeneration, QemuRoot>();

test.before(async () => {
  for (const generation of QEMU_GENERATIONS) roots.set(generation, await qemuRoot(generation, { progress: () => undefined }));
});

/** Of the test that runs: ends its processes, whatever became of it. */
let end: () => Promise<void>;

test.afterEach(() => end());

interface Machine {
  readonly vmm: QtestVmm;
  /** How the device process ended. */
  readonly deviceEnded: Promise<string>;
}

async function start(generation: QemuGeneration): Promise<Machine> {
  const [near, far] = addon.socketPair();
  const program = join(buildRoot, "examples/dma_engine/main.js");
  const device = spawn(process.execPath, [program, "3"], { stdio: ["ignore", "ignore", "pipe", far] });
  closeSync(far);
  let said = "";
  device.stderr?.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const deviceEnded = new Promise<string>((resolve) =>
    device.on("close", (code, signal) => resolve(`${code ?? signal} ${said}`)),
  );
  end = async () => void device.kill("SIGKILL");
  const vmm = await startQtestVmm(roots.get(generation) as QemuRoot, near);
  end = async () => {
    await vmm.end();
    device.kill("SIGKILL");
  };
  return { vmm, deviceEnded };
}

async function selectRegister(vmm: QtestVmm, register: number): Promise<void> {
  await vmm.command(`outl 0xcf8 0x${(DEVICE + register).toString(16)}`);
}

async function readConfig(vmm: QtestVmm, register: number): Promise<bigint> {
  await selectRegister(vmm, register);
  return vmm.command("inl 0xcfc");
}

async function writeConfig(vmm: QtestVmm, register: number, value: number): Promise<void> {
  await selectRegister(vmm, register);
  await vmm.command(`outl 0xcfc 0x${value.toString(16)}`);
}

function put(vmm: QtestVmm, register: number, value: number): Promise<bigint> {
  return vmm.command(`writel 0x${(WINDOW + register).toString(16)} 0x${value.toString(16)}`);
}

function get(vmm: QtestVmm, register: number): Promise<bigint> {
  return vmm.command(`readl 0x${(WINDOW + register).toString(16)}`);
}

/** Lets the engine copy, and answers with its status. */
async function copy(vmm: QtestVmm, from: number, to: number): Promise<bigint> {
  await put(vmm, SOURCE, from);
  await put(vmm, DESTINATION, to);
  await put(vmm, LENGTH, 16);
  await put(vmm, CONTROL, 1);
  return get(vmm, STATUS);
}

/** Pending interrupts of the in-kernel IO-APIC, a bit for each pin: its "IRR" in the monitor. */
async function pending(vmm: QtestVmm): Promise<string> {
  const line = (await vmm.ask("info pic")).split("\n").find((text) => text.includes("IRR"));
  return line?.trim() ?? "no IRR";
}

/** KVM injects a resampled irqfd from a work queue. The test's deadline ends a wait for nothing. */
async function becomesPending(vmm: QtestVmm): Promise<void> {
  while (!/^IRR +\d+$/.test(await pending(vmm))) await new Promise((resolve) => setTimeout(resolve, 5));
}

for (const generation of QEMU_GENERATIONS) {
  test(`QEMU ${generation}: finds the DMA engine, lets it copy guest memory, and takes its interrupt`, async () => {
    const { vmm, deviceEnded } = await start(generation);
    assert.is(await readConfig(vmm, 0), 0x1100_1af4n);
    await writeConfig(vmm, BAR_0, 0xffff_ffff);
    assert.is(await readConfig(vmm, BAR_0), 0xffff_ffe0n);
    await writeConfig(vmm, BAR_0, WINDOW);
    await writeConfig(vmm, COMMAND, MEMORY);
    await vmm.command(`write 0x10000 16 0x${Buffer.from("sixteen bytes..!").toString("hex")}`);
    assert.is(await pending(vmm), "IRR      (none)");
    assert.is(await copy(vmm, 0x10000, 0x30_0000), FAILED, "no bus master yet");
    await writeConfig(vmm, COMMAND, MEMORY | BUS_MASTER);
    await put(vmm, STATUS, Number(FAILED));
    assert.is(await copy(vmm, 0x10000, 0x30_0000), DONE);
    assert.is(await vmm.command("read 0x300000 16"), BigInt(`0x${Buffer.from("sixteen bytes..!").toString("hex")}`));
    await becomesPending(vmm);
    await put(vmm, STATUS, Number(DONE));
    assert.is(await copy(vmm, GUEST_MEMORY_BYTES - 8, 0x10000), FAILED, "beyond the end of guest memory");
    assert.is(await copy(vmm, 0x10000, WINDOW), FAILED, "into the device's own window");
    await vmm.execute("system_reset");
    await writeConfig(vmm, BAR_0, WINDOW);
    await writeConfig(vmm, COMMAND, MEMORY);
    assert.is(await get(vmm, STATUS), 0n, "a reset of the VM reaches the device");
    await vmm.end();
    assert.is(await deviceEnded, "0 ");
  });
}

test.run();
