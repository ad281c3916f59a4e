import { closeSync, ftruncateSync, openSync, unlinkSync } from "node:fs";
import { addon } from "../../kernel/index.js";
import { COMMANDS } from "../wire/command.js";
import type { ConformanceResult } from "./exchange.js";
import { countKept, readFds } from "./kept_fds.js";
import { type ProcessEnd, wordEnd } from "./process_end.js";
import { type RawMessage, RawPeer } from "./raw_peer.js";
import { type CaseFd, WIRE_CASES, type WireCase } from "./wire_cases.js";
import { bytesOf, configBytes } from "./wire_message.js";

/** A device process under test, with a channel to it. */
export interface DeviceProcess {
  /** The VMM's end of its channel; whoever started the process gives it away. */
  readonly channelFd: number;
  /** Of the process that holds the other end, to count its fds. */
  readonly pid: number;
  readonly ended: Promise<ProcessEnd>;
  /** Ends it at once. */
  kill(): void;
}

/** What a device made of one case, in the words of docs/protocol.md: `ret 0xff; serves`, `nothing; exit 0`, `nothing; SIGABRT`. */
export interface WireOutcome {
  readonly answer: string;
  readonly fate: string;
  /** fds that it holds more than before; 0 for one that has ended. */
  readonly kept: number;
}

const PING = configBytes("config-read", 0, 4);
const RESET = bytesOf("device-reset");
/** Cases of a stream that ends too early begin so. */
const CUT = "cut-";
const ALL_ONES = Buffer.alloc(8, 0xff);
const MEMORY_BYTES = 16n * 4096n;
/** Longest that a device may take to end once it has ended the channel or said nothing, in ms. */
const END_MS = 2000;

export interface WireOptions {
  /** Longest wait for each answer, in ms. Default 2000. */
  readonly deadlineMs?: number;
  /** Told as each is done. */
  readonly onResult?: ((result: ConformanceResult) => void) | undefined;
}

/** Plays every case to a process of its own. What `start` throws ends it. */
export async function playWireCases(
  start: () => Promise<DeviceProcess>,
  options: WireOptions = {},
): Promise<ConformanceResult[]> {
  const results: ConformanceResult[] = [];
  for (const one of WIRE_CASES) {
    const outcome = await playWireCase(await start(), one, options.deadlineMs ?? END_MS);
    const result = judge(one, outcome);
    options.onResult?.(result);
    results.push(result);
  }
  return results;
}

/** `ret 0xff; serves; 2 fds kept`. */
export function wordOutcome({ answer, fate, kept }: WireOutcome): string {
  return [answer, fate, ...(kept === 0 ? [] : [`${kept} fd${kept === 1 ? "" : "s"} kept`])].join("; ");
}

function judge(one: WireCase, outcome: WireOutcome): ConformanceResult {
  const result = { id: one.id, rule: `${one.what}: ${wordExpected(one)}` };
  const ended = /^exit /.test(outcome.fate);
  const answered = one.answer === "value" ? /^ret 0x/.test(outcome.answer) : outcome.answer === wordAnswer(one.answer);
  const fate = one.must === "serves" ? outcome.fate === "serves" : ended;
  if (answered && fate && outcome.kept <= (one.keeps ?? 0)) return { ...result, verdict: "passed", evidence: "" };
  return { ...result, verdict: "failed", evidence: wordOutcome(outcome) };
}

/** What a case must come to: `ret 0xff; serves`. */
export function wordExpected({ answer, must }: WireCase): string {
  return `${wordAnswer(answer)}; ${must}`;
}

function wordAnswer(answer: WireCase["answer"]): string {
  if (answer === 2n ** 64n - 1n) return "all ones";
  if (typeof answer === "bigint") return `ret 0x${answer.toString(16)}`;
  return { value: "ret and a value", empty: "ret", none: "nothing" }[answer];
}

async function playWireCase(device: DeviceProcess, one: WireCase, deadlineMs: number): Promise<WireOutcome> {
  const peer = new RawPeer(device.channelFd);
  try {
    // What it holds once it serves is its own.
    peer.send(PING);
    const first = await peer.receive(deadlineMs);
    if (typeof first === "string") return { answer: "nothing", fate: `never served: ${first}`, kept: 0 };
    const before = readFds(device.pid);
    sendParts(peer, one);
    if (one.id.startsWith(CUT)) peer.close();
    else peer.send(isReset(one) ? PING : RESET);
    const { answer, last } = peer.isOpen ? await collect(peer, one, deadlineMs) : { answer: "nothing", last: "end" as const };
    const fate =
      typeof last !== "string"
        ? "serves"
        : last === "silence"
          ? "hangs"
          : ((await wordEnd(device.ended, END_MS)) ?? "ends the channel and stays");
    return {
      answer,
      fate,
      kept:
        fate === "serves"
          ? await countKept({ pid: device.pid, before, keeps: one.keeps ?? 0, deadlineMs: one.keeps === undefined ? 0 : END_MS })
          : 0,
    };
  } finally {
    peer.close();
    device.kill();
    await device.ended;
  }
}

function sendParts(peer: RawPeer, { parts }: WireCase): void {
  const opened = new Map<CaseFd, number[]>();
  try {
    for (const { bytes, fds = [] } of parts) {
      for (const kind of fds) if (!opened.has(kind)) opened.set(kind, openFd(kind));
      peer.send(
        bytes,
        fds.map((kind) => opened.get(kind)?.[0] ?? -1),
      );
    }
  } finally {
    for (const fd of [...opened.values()].flat()) closeSync(fd);
  }
}

/** Whoever is asked after it with a reset answers that without a payload, so that nothing else is taken for it. */
function isReset({ parts }: WireCase): boolean {
  return COMMANDS[Buffer.concat(parts.map(({ bytes }) => bytes)).readInt32LE(0)] === "device-reset";
}

/** What came before the answer to the request that followed the case, and that answer. */
async function collect(
  peer: RawPeer,
  one: WireCase,
  deadlineMs: number,
): Promise<{ readonly answer: string; readonly last: RawMessage | "end" | "silence" }> {
  const followed = isReset(one) ? 8 : 0;
  let answer = "nothing";
  for (;;) {
    const last = await peer.receive(deadlineMs);
    if (typeof last === "string") return { answer, last };
    for (const fd of last.fds) closeSync(fd);
    if (last.payload.length === followed) return { answer, last };
    answer = wordSeen(last);
  }
}

function wordSeen({ command, payload }: RawMessage): string {
  if (COMMANDS[command] !== "ret") return `command ${command}`;
  if (payload.equals(ALL_ONES)) return "all ones";
  if (payload.length === 0) return "ret";
  return payload.length === 8 ? `ret 0x${payload.readBigUInt64LE(0).toString(16)}` : `ret of ${payload.length} bytes`;
}

/** The first is the one to send; the others are its peers. All are the caller's. */
function openFd(kind: CaseFd): number[] {
  switch (kind) {
    case "memory":
      return [addon.makeSealedMemory({ name: "case", sizeBytes: MEMORY_BYTES })];
    case "unsealed":
      return [openUnsealed()];
    case "eventfd":
      return [addon.makeEventfd()];
    case "null-device":
      return [openSync("/dev/null", "r+")];
    case "directory":
      return [openSync("/", "r")];
    case "socket":
      return addon.socketPair();
  }
}

/** A file of tmpfs, as a memfd is, that whoever holds it can cut off. */
function openUnsealed(): number {
  const path = `/dev/shm/bulkhead-conformance-${process.pid}`;
  const fd = openSync(path, "wx+", 0o600);
  unlinkSync(path);
  ftruncateSync(fd, Number(MEMORY_BYTES));
  return fd;
}
