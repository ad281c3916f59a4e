import { type ChildProcess, spawn } from "node:child_process";
import { closeSync } from "node:fs";
import * as assert from "uvu/assert";
import { addon } from "../../src/kernel/index.js";
import { readDeviceTree, verifyDeviceTree } from "../../src/machine/device_tree.js";
import { QmpClient } from "../../src/machine/index.js";
import { suite } from "../support/harness.js";

const test = suite("device tree of the VMM", { needs: ["root", "qemu"], timeoutMs: 30_000 });

/** The planned machine, as src/plan/arguments.ts makes it, without what needs a device process. */
const MACHINE = "q35,sata=off,smbus=off,i8042=off,vmport=off,mem-merge=off,dump-guest-core=off";
/** Where the child finds its monitor: after stdin, stdout and stderr. */
const MONITOR_FD = 3;

interface StoppedVmm {
  readonly qemu: ChildProcess;
  readonly monitor: QmpClient;
}

async function startVmm(...more: string[]): Promise<StoppedVmm> {
  const [own, theirs] = addon.socketPair();
  const args = ["-nodefaults", "-no-user-config", "-display", "none", "-S", "-accel", "tcg", "-cpu", "max", "-m", "32M"];
  const monitorArgs = ["-chardev", `socket,id=monitor,fd=${MONITOR_FD}`, "-mon", "chardev=monitor,mode=control"];
  const qemu = spawn("qemu-system-x86_64", [...args, "-machine", MACHINE, ...monitorArgs, ...more], {
    stdio: ["ignore", "ignore", "inherit", theirs],
  });
  closeSync(theirs);
  const monitor = new QmpClient(own, "vmm");
  await monitor.open();
  return { qemu, monitor };
}

async function endVmm({ qemu, monitor }: StoppedVmm): Promise<void> {
  const closed = new Promise((resolve) => qemu.on("close", resolve));
  await monitor.execute("quit").catch(() => {});
  await closed;
}

/** Whatever `check` says, the VMM is ended: one that stays would keep the test file alive. */
async function withVmm(more: readonly string[], check: (monitor: QmpClient) => Promise<void>): Promise<void> {
  const vmm = await startVmm(...more);
  try {
    await check(vmm.monitor);
  } finally {
    await endVmm(vmm);
  }
}

test("the planned machine holds nothing that is not on the list", () =>
  withVmm([], async (monitor) => {
    await verifyDeviceTree(monitor, "test");
    const types = await readDeviceTree(monitor);
    // The second and third are children of devices, one level further down.
    for (const type of ["q35-pcihost", "mch", "ISA"]) assert.ok(types.includes(type), type);
  }));

test("a hot-plug slot is planned where the VM has some, and nowhere else", () =>
  withVmm(["-device", "pcie-root-port,chassis=1"], async (monitor) => {
    await verifyDeviceTree(monitor, "test", 1);
    const refused = await verifyDeviceTree(monitor, "test").catch((error: Error) => error.message);
    assert.match(String(refused), "pcie-root-port");
  }));

for (const [name, device, said] of [
  ["a floppy controller", "isa-fdc", /isa-fdc.*a floppy controller is among them/],
  ["a keyboard controller", "i8042", /i8042/],
  ["an emulated disk controller in the VMM itself", "lsi53c895a", /lsi53c895a/],
  ["an emulated network card in the VMM itself", "e1000", /e1000/],
] as const) {
  test(`${name} in the VMM fails the launch`, () =>
    withVmm(["-device", device], async (monitor) => {
      let message = "";
      await verifyDeviceTree(monitor, "test").catch((error: Error) => {
        message = error.message;
      });
      assert.match(message, said);
    }));
}

test.run();
