import { closeSync, openSync } from "node:fs";
import { addon } from "../../kernel/index.js";
import { COMMANDS } from "../wire/command.js";
import { PlainAnswers } from "./engine_device.js";
import type { ConformanceResult } from "./exchange.js";
import { countKept, readFds } from "./kept_fds.js";
import { type ProcessEnd, wordEnd } from "./process_end.js";
import { type RawMessage, RawPeer } from "./raw_peer.js";
import { VMM_CASES, type VmmCase } from "./vmm_cases.js";

/** A VMM under test, which was given its end of a channel. */
export interface VmmProcess {
  /** To count its fds. */
  readonly pid: number;
  readonly ended: Promise<ProcessEnd>;
  /** Ends it at once. */
  kill(): void;
}

/** Starts a VMM with this end of a channel, which it takes over. */
export type StartVmm = (channelFd: number) => Promise<VmmProcess>;

/** What a VMM made of a device that broke the protocol, in the words of docs/protocol.md. */
export interface VmmOutcome {
  /** `goes on`, `closes`, `waits`, `exit 1`, `SIGSEGV`. */
  readonly fate: string;
  /** fds that it holds more than before, when it goes on. */
  readonly kept: number;
}

export interface VmmOptions {
  /** Longest that it may take to ask something first, in ms. Default 20000. */
  readonly startMs?: number;
  /** Longest that it may take to go on or to give up, in ms; more than the deadline that it has itself. Default 7000. */
  readonly deadlineMs?: number;
  /** Told as each is done. */
  readonly onResult?: ((result: ConformanceResult) => void) | undefined;
}

const START_MS = 20_000;
const DEADLINE_MS = 7000;
/** How long after the end of its channel a VMM may die of it, in ms. */
const DEATH_MS = 500;

/** Plays every case to a VMM of its own. What `start` throws ends it. */
export async function playVmmCases(start: StartVmm, options: VmmOptions = {}): Promise<ConformanceResult[]> {
  const results: ConformanceResult[] = [];
  for (const one of VMM_CASES) {
    const outcome = await playVmmCase(start, one, options);
    const result = judge(one, outcome);
    options.onResult?.(result);
    results.push(result);
  }
  return results;
}

/** `goes on; 7 fds kept`. */
export function wordVmmOutcome({ fate, kept }: VmmOutcome): string {
  return kept === 0 ? fate : `${fate}; ${kept} fd${kept === 1 ? "" : "s"} kept`;
}

function judge(one: VmmCase, outcome: VmmOutcome): ConformanceResult {
  const result = { id: one.id, rule: `${one.what}: ${one.must}` };
  const gaveUp = /^(closes|exit \d+)$/.test(outcome.fate);
  const mayGoOn = one.must === "goes on or gives up" && outcome.fate === "goes on" && outcome.kept <= 0;
  if (gaveUp || mayGoOn) return { ...result, verdict: "passed", evidence: "" };
  return { ...result, verdict: "failed", evidence: wordVmmOutcome(outcome) };
}

async function playVmmCase(start: StartVmm, one: VmmCase, options: VmmOptions): Promise<VmmOutcome> {
  const [near, far] = addon.socketPair();
  const peer = new RawPeer(near);
  const vmm = await start(far);
  try {
    const answers = new PlainAnswers();
    const first = await answerUntil(peer, answers, options.startMs ?? START_MS);
    if (first === null) return { fate: "asks nothing", kept: 0 };
    const before = readFds(vmm.pid);
    misbehave(peer, one);
    if (one.closes === true) peer.close();
    return await fateOf(vmm, peer, { before, deadlineMs: options.deadlineMs ?? DEADLINE_MS });
  } finally {
    peer.close();
    vmm.kill();
    await vmm.ended;
  }
}

/** Answers as it should up to the first config-read, and answers that. Null: none came. */
async function answerUntil(peer: RawPeer, answers: PlainAnswers, deadlineMs: number): Promise<RawMessage | null> {
  for (;;) {
    const message = await peer.receive(deadlineMs);
    if (typeof message === "string") return null;
    for (const fd of message.fds) closeSync(fd);
    if (COMMANDS[message.command] === "config-read") return message;
    const answer = answers.to(message);
    if (answer !== null) peer.send(answer);
  }
}

function misbehave(peer: RawPeer, { bytes, fds = 0 }: VmmCase): void {
  if (bytes === undefined) return;
  const fd = openSync("/dev/null", "r");
  try {
    peer.send(bytes, Array<number>(fds).fill(fd));
  } finally {
    closeSync(fd);
  }
}

interface Waiting {
  /** What the VMM held when it asked. */
  readonly before: ReadonlySet<string>;
  readonly deadlineMs: number;
}

async function fateOf(vmm: VmmProcess, peer: RawPeer, { before, deadlineMs }: Waiting): Promise<VmmOutcome> {
  if (!peer.isOpen) return { fate: (await wordEnd(vmm.ended, DEATH_MS)) ?? "goes on", kept: 0 };
  const next = await peer.receive(deadlineMs);
  if (next === "silence") return { fate: "waits", kept: 0 };
  if (next === "end") return { fate: (await wordEnd(vmm.ended, DEATH_MS)) ?? "closes", kept: 0 };
  for (const fd of next.fds) closeSync(fd);
  return { fate: "goes on", kept: await countKept({ pid: vmm.pid, before, keeps: 0, deadlineMs: 0 }) };
}
