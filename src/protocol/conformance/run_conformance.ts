import { addon } from "../../kernel/index.js";
import type { RecordedMessage } from "../recording/record.js";
import { Remote } from "../remote/remote.js";
import { type CommandLine, CommandStarter } from "./command_process.js";
import { engineDevice } from "./engine_device.js";
import type { ConformanceResult } from "./exchange.js";
import { playExchanges } from "./play_exchanges.js";
import { playVmmCases } from "./play_vmm_cases.js";
import { playVmmStart } from "./play_vmm_start.js";
import { type DeviceProcess, playWireCases } from "./play_wire_cases.js";
import { QtestDriver } from "./qtest_driver.js";
import { ProxyDriver } from "./vmm_driver.js";

/** What is put to the test: a program that finds its end of the channel at fd 3. */
export interface ConformanceRequest {
  readonly command: CommandLine;
  /** "device": a device process. "vmm": a VMM. "qtest-vmm": a VMM of QEMU with `-qtest stdio`, its device in slot 4 of bus 0. */
  readonly subject: "device" | "vmm" | "qtest-vmm";
  /** Longest wait for an answer, in ms. Default 2000. A VMM that waits longer for one of its own counts as waiting for ever. */
  readonly deadlineMs?: number;
  /** Told as each is done. */
  readonly onResult?: (result: ConformanceResult) => void;
  /** Told of every message of the exchanges. */
  readonly onRecord?: (record: RecordedMessage) => void;
  /** Ends the program at once, and with it the run, when it is aborted. */
  readonly signal?: AbortSignal;
}

const DEADLINE_MS = 2000;
/**
 * How long a device process may take to be what it will be, in ms: QEMU's remote answers before its initial reset unless it was
 * started with --preconfig.
 */
const SETTLE_MS = 300;
/** The slot that --qtest asks for, and the least memory that a guest of the exchanges has. */
const SLOT = 4;
const MEMORY_BYTES = 64 * 1024 * 1024;

/**
 * Plays the conformance suite to a program, again and again in a process of its own each time, and leaves none behind. Throws
 * ProtocolInputError "command-unstartable".
 */
export async function runConformance(request: ConformanceRequest): Promise<ConformanceResult[]> {
  const starter = new CommandStarter(request.command);
  const end = (): void => starter.close();
  request.signal?.addEventListener("abort", end);
  try {
    return request.subject === "device" ? await judgeDevice(request, starter) : await judgeVmm(request, starter);
  } finally {
    request.signal?.removeEventListener("abort", end);
    end();
  }
}

async function judgeDevice(request: ConformanceRequest, starter: CommandStarter): Promise<ConformanceResult[]> {
  const { deadlineMs = DEADLINE_MS, onResult, onRecord } = request;
  const made: { readonly device: DeviceProcess; readonly vmm: ProxyDriver }[] = [];
  const endLast = async (): Promise<void> => {
    const last = made.pop();
    last?.vmm.close();
    last?.device.kill();
    await last?.device.ended;
  };
  try {
    const exchanges = await playExchanges(async () => {
      await endLast();
      const device = await starter.startDevice();
      const onTraffic = (_: string, message: RecordedMessage["message"], fdCount: number) => onRecord?.({ message, fdCount });
      const vmm = await ProxyDriver.open({ fd: device.channelFd, name: "subject", deadlineMs, onTraffic });
      made.push({ device, vmm });
      await vmm.readConfig(0, 4);
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      return vmm;
    }, onResult);
    return [...exchanges, ...(await playWireCases(() => starter.startDevice(), { deadlineMs, onResult }))];
  } finally {
    await endLast();
  }
}

async function judgeVmm(request: ConformanceRequest, starter: CommandStarter): Promise<ConformanceResult[]> {
  const { deadlineMs = DEADLINE_MS, onResult, onRecord } = request;
  const start = (channelFd: number) => starter.startVmm(channelFd);
  const { results, records } = await playVmmStart(start);
  for (const record of records) onRecord?.(record);
  for (const result of results) onResult?.(result);
  const driven = request.subject === "qtest-vmm" ? await judgeDrivenVmm(request, starter) : [];
  return [...results, ...driven, ...(await playVmmCases(start, { deadlineMs, onResult }))];
}

async function judgeDrivenVmm({ onResult }: ConformanceRequest, starter: CommandStarter): Promise<ConformanceResult[]> {
  const [near, far] = addon.socketPair();
  const remote = new Remote({ fd: near, device: engineDevice });
  try {
    const vmm = await starter.startQtest(far);
    const driver = new QtestDriver(vmm.command, { slot: SLOT, memoryBytes: MEMORY_BYTES });
    const results = await playExchanges(async () => driver, onResult);
    vmm.kill();
    await vmm.ended;
    return results;
  } finally {
    remote.close();
  }
}
