import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { join } from "node:path";
import { QEMU_GENERATIONS, type QemuGeneration, type QemuRoot, qemuRoot } from "../../../src/compliance/lab/index.js";
import { addon } from "../../../src/kernel/index.js";
import { type DeviceProcess, DeviceProxy, type ProcessEnd, probeDevice, type VmmProcess } from "../../../src/protocol/index.js";
import { buildRoot, repositoryRoot } from "../repository.js";
import { startQemuRemote } from "./qemu_remote.js";
import { PROXY_VMM } from "./qtest_vmm.js";

/** Device processes of ours, and what starts them with the channel at fd 3. */
export const OUR_DEVICES = {
  "reference device": [join(repositoryRoot, "native/build/reference_device/reference_device")],
  "DMA engine": [process.execPath, join(buildRoot, "examples/dma_engine/main.js"), "3"],
} as const;
export type OurDevice = keyof typeof OUR_DEVICES;

/** The roots of every generation, built when the cache lacks one. */
export async function qemuRoots(): Promise<ReadonlyMap<QemuGeneration, QemuRoot>> {
  const roots = new Map<QemuGeneration, QemuRoot>();
  for (const generation of QEMU_GENERATIONS) roots.set(generation, await qemuRoot(generation, { progress: () => undefined }));
  return roots;
}

/** A device process of ours, unconfined. */
export function startOurDevice(device: OurDevice): DeviceProcess {
  const [program, ...args] = OUR_DEVICES[device];
  const [near, far] = addon.socketPair();
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "ignore", far], env: {} });
  closeSync(far);
  const ended = new Promise<ProcessEnd>((resolve) => child.on("close", (exitCode, signal) => resolve({ exitCode, signal })));
  return { channelFd: near, pid: child.pid ?? -1, ended, kill: () => void child.kill("SIGKILL") };
}

/** A device process of QEMU, unconfined. */
export async function startQemuDevice(qemu: QemuRoot, model: string): Promise<DeviceProcess> {
  const { channelFd, pid, ended, kill } = await startQemuRemote(qemu, model);
  return { channelFd, pid, ended, kill: () => kill("SIGKILL") };
}

/** Our own VMM's side in this process: what it does when it is given a device. */
export async function startProxyVmm(channelFd: number): Promise<VmmProcess> {
  const proxy = new DeviceProxy({ fd: channelFd, name: "conformance", deadlineMs: 1000 });
  const memory = addon.makeSealedMemory({ name: "guest", sizeBytes: 8192n });
  const eventfds = [addon.makeEventfd(), addon.makeEventfd()] as const;
  const close = (): void => {
    for (const fd of [memory, ...eventfds]) closeSync(fd);
  };
  void proxy
    .shareMemory([{ address: 0n, sizeBytes: 8192n, offset: 0n, fd: memory }])
    .then(() => proxy.setInterrupt(...eventfds))
    .then(() => probeDevice(proxy))
    .catch(() => proxy.close())
    .finally(close);
  const ended = proxy.ended.then(() => ({ exitCode: 0, signal: null }));
  return { pid: process.pid, ended, kill: () => proxy.close() };
}

/** A VMM of QEMU that is made and stays stopped. KVM, not TCG: QEMU 8.2 and later crash under TCG with a proxied device. */
export async function startQemuVmm(qemu: QemuRoot, channelFd: number): Promise<VmmProcess> {
  const [program = "", ...first] = qemu.command;
  const child = spawn(program, [...first, ...PROXY_VMM], {
    stdio: ["ignore", "ignore", "ignore", channelFd],
    env: { ...process.env, ...qemu.env },
  });
  closeSync(channelFd);
  const ended = new Promise<ProcessEnd>((resolve) => child.on("close", (exitCode, signal) => resolve({ exitCode, signal })));
  return { pid: child.pid ?? -1, ended, kill: () => void child.kill("SIGKILL") };
}
