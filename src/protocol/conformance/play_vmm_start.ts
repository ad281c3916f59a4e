import { addon } from "../../kernel/index.js";
import { describeMessage, type RecordedMessage } from "../recording/record.js";
import { Remote } from "../remote/remote.js";
import type { Message } from "../wire/message.js";
import { engineDevice } from "./engine_device.js";
import type { ConformanceResult } from "./exchange.js";
import type { StartVmm } from "./play_vmm_cases.js";

const ALL_ONES = 0xffff_ffff;
const BAR_FIRST = 0x10;
/** The seventh is what QEMU probes too. */
const BAR_LAST = 0x28;

export interface VmmStartOptions {
  /** Longest that it may take to ask something, in ms. Default 20000. */
  readonly startMs?: number;
  /** So long without a message and its start is over, in ms. Default 500. */
  readonly quietMs?: number;
}

export interface VmmStart {
  readonly results: readonly ConformanceResult[];
  /** All that passed, in order. */
  readonly records: readonly RecordedMessage[];
}

/** Gives a VMM a device that keeps to the protocol, and judges what it sends until it is quiet. */
export async function playVmmStart(start: StartVmm, options: VmmStartOptions = {}): Promise<VmmStart> {
  const { startMs = 20_000, quietMs = 500 } = options;
  const [near, far] = addon.socketPair();
  const records: RecordedMessage[] = [];
  let heardMs = performance.now() + startMs - quietMs;
  const remote = new Remote({
    fd: near,
    device: engineDevice,
    onTraffic: (_, message, fdCount) => {
      records.push({ message, fdCount });
      heardMs = performance.now();
    },
  });
  let broken: string | null = null;
  let isOver = false;
  void remote.ended.then((error) => {
    isOver = true;
    broken = error?.message ?? null;
  });
  const vmm = await start(far);
  try {
    while (!isOver && performance.now() - heardMs < quietMs) await new Promise((resolve) => setTimeout(resolve, quietMs / 10));
    return { results: judgeStart(records, broken), records };
  } finally {
    remote.close();
    vmm.kill();
    await vmm.ended;
  }
}

function judgeStart(records: readonly RecordedMessage[], broken: string | null): ConformanceResult[] {
  const requests = records.map(({ message }) => message).filter(({ command }) => command !== "ret");
  const first = requests.findIndex(({ command }) => command !== "sync-sysmem" && command !== "set-irqfd");
  const before = requests.slice(0, first < 0 ? requests.length : first).map(({ command }) => command);
  const lacks = (command: string): string => (before.includes(command as Message["command"]) ? "" : wordFirst(requests));
  return [
    result(
      "vmm-keeps-rules",
      "Every message keeps every rule of this page.",
      broken ?? (requests.length === 0 ? "it sent nothing" : ""),
    ),
    result("vmm-shares-memory", "Memory is shared before anything is asked.", lacks("sync-sysmem")),
    result("vmm-binds-interrupt", "The interrupt is bound before anything is asked.", lacks("set-irqfd")),
    result(
      "vmm-restores-bars",
      "What is written to a BAR to size it is taken back.",
      requests.length === 0 ? "it sent nothing" : leftOnes(requests),
    ),
  ];
}

function result(id: string, rule: string, evidence: string): ConformanceResult {
  return { id, rule, verdict: evidence === "" ? "passed" : "failed", evidence };
}

function wordFirst(requests: readonly Message[]): string {
  const [first] = requests;
  return first === undefined ? "it sent nothing" : `it begins with ${requests.slice(0, 3).map(describeMessage).join(", ")}`;
}

/** Registers whose last write was all ones. */
function leftOnes(requests: readonly Message[]): string {
  const last = new Map<number, number>();
  for (const message of requests) {
    if (message.command === "config-write" && message.address >= BAR_FIRST && message.address <= BAR_LAST)
      last.set(message.address, message.value);
  }
  const left = [...last].filter(([, value]) => value === ALL_ONES).map(([address]) => `0x${address.toString(16)}`);
  return left.length === 0 ? "" : `all ones are left in ${left.join(", ")}`;
}
