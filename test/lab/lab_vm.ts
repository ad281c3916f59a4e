import { type QemuGeneration, qemuRoot } from "../../src/compliance/lab/index.js";
import type { LaunchRequest } from "../../src/index.js";
import { demoVmText, type MachineFixture } from "../support/machine_fixture.js";

/** What the VM file of vmText() asks of disk1. */
export const DISK_LIMITS = { readBytesPerSecond: 52_428_800, writeOperationsPerSecond: 500 };

/** The demo VM with KVM, blank disks and limits on disk1. */
export function vmText(name: string, disks: "blank" | "demo" = "blank"): string {
  const limits = Object.entries(DISK_LIMITS).map(([key, value]) => `${key}: ${value}`);
  return demoVmText({ name, disks })
    .replace("accel: tcg", "accel: kvm")
    .replace(/(id: disk1, .*)\}\}$/m, `$1}, limits: {${limits.join(", ")}}}`);
}

/** A launch request on one of the lab's QEMU generations. */
export async function requestOn(
  generation: QemuGeneration,
  vm: { readonly fixture: MachineFixture; readonly text: string; readonly change?: Partial<LaunchRequest> },
): Promise<LaunchRequest> {
  const { binary, root } = await qemuRoot(generation, { progress: () => undefined });
  return vm.fixture.request(vm.text, { qemu: { program: binary, sysroot: root }, ...vm.change });
}
