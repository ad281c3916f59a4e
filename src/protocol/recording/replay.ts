import { closeSync } from "node:fs";
import { BulkheadError } from "../../errors/index.js";
import { addon } from "../../kernel/index.js";
import type { DeviceProxy } from "../proxy/device_proxy.js";
import type { Region, Request } from "../wire/message.js";
import { describeMessage, type RecordedMessage } from "./record.js";

/** A request that a device answered in another way than when it was recorded. */
export interface Difference {
  /** Of the request, from 0, among the recorded messages. */
  readonly index: number;
  readonly request: string;
  /** `ret 0x1`, or the code of an error; "nothing" where the recording ends. */
  readonly recorded: string;
  readonly answered: string;
}

/**
 * Asks a device what was asked in a recording. Memory and eventfds are made anew: memory of zeros, as large as it was. Ends
 * with the first request that ends the channel.
 */
export async function replayRecording(records: readonly RecordedMessage[], proxy: DeviceProxy): Promise<Difference[]> {
  const differences: Difference[] = [];
  for (const [index, { message }] of records.entries()) {
    if (message.command === "ret") continue;
    const answered = await ask(proxy, message);
    if (answered === null) continue;
    const next = records[index + 1]?.message;
    const recorded = next?.command === "ret" ? describeMessage(next) : "nothing";
    if (recorded !== answered) differences.push({ index, request: describeMessage(message), recorded, answered });
    if (!proxy.isOpen) break;
  }
  return differences;
}

/** The answer in words; null for a request that has none. */
async function ask(proxy: DeviceProxy, request: Request): Promise<string | null> {
  try {
    const value = await perform(proxy, request);
    return value === undefined ? null : describeMessage({ command: "ret", value });
  } catch (error) {
    if (!(error instanceof BulkheadError)) throw error;
    // What a device refused it answered with all ones.
    return error.code === "device-refused" ? describeMessage({ command: "ret", value: 2n ** 64n - 1n }) : error.code;
  }
}

/** Undefined: there is no answer. Null: an answer without value. */
async function perform(proxy: DeviceProxy, request: Request): Promise<bigint | null | undefined> {
  switch (request.command) {
    case "sync-sysmem":
      await shareAnew(proxy, request.regions);
      return undefined;
    case "set-irqfd":
      await bindAnew(proxy);
      return undefined;
    case "config-read":
      return BigInt(await proxy.readConfig(request.address, request.length));
    case "config-write":
      await proxy.writeConfig(request);
      return 0n;
    case "bar-read":
      return proxy.readBar(request);
    case "bar-write":
      await proxy.writeBar(request);
      return 0n;
    case "device-reset":
      await proxy.reset();
      return null;
  }
}

async function shareAnew(proxy: DeviceProxy, regions: readonly Region[]): Promise<void> {
  const fds: number[] = [];
  try {
    for (const { sizeBytes } of regions) fds.push(addon.makeSealedMemory({ name: "replayed", sizeBytes }));
    await proxy.shareMemory(regions.map((region, index) => ({ ...region, offset: 0n, fd: fds[index] ?? -1 })));
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

async function bindAnew(proxy: DeviceProxy): Promise<void> {
  const [irqFd, resampleFd] = [addon.makeEventfd(), addon.makeEventfd()];
  try {
    await proxy.setInterrupt(irqFd, resampleFd);
  } finally {
    closeSync(irqFd);
    closeSync(resampleFd);
  }
}
