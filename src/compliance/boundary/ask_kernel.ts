import { spawnSync } from "node:child_process";
import { HostError } from "../../errors/index.js";
import { FILTER_PROBE_PROGRAM } from "../../kernel/index.js";

/** One call as it is made under a filter. */
export interface ProbedCall {
  readonly number: number;
  /** Six, 64 bits each. */
  readonly args: readonly bigint[];
  /** Longest wait for its return, in ms. Default 2000: none of them does anything that takes time. */
  readonly waitMs?: number;
}

/** Calls under one filter, a raw BPF program. */
export interface ProbeBatch {
  readonly program: Buffer;
  readonly calls: readonly ProbedCall[];
}

/** What the kernel did with a call. `late`: it had not come back in time. */
export type KernelAnswer =
  | { readonly how: "returned"; readonly value: bigint }
  | { readonly how: "signalled"; readonly signal: number }
  | { readonly how: "exited"; readonly status: number }
  | { readonly how: "late" };

/** Layout of native/filter_probe/filter_probe.cc. */
const RECORD = { filter: 1, call: 2 } as const;
const CALL_BYTES = 68;
const ANSWER_BYTES = 16;
const INSTRUCTION_BYTES = 8;
const HOWS = ["returned", "signalled", "exited", "late"] as const;
const WAIT_MS = 2000;
/** A fork, an exec and a wait for each call take well under a millisecond; a busy host makes it some. */
const START_MS = 10_000;

/**
 * Makes each call in a process of its own that has the filter and nothing else, as nobody: what the kernel says of it is the
 * filter's doing alone. Throws HostError "probe-failed".
 */
export function askKernel(batches: readonly ProbeBatch[]): KernelAnswer[][] {
  const calls = batches.flatMap((batch) => batch.calls);
  const timeout = calls.reduce((sum, { waitMs = WAIT_MS }) => sum + waitMs, START_MS);
  const { stdout, status, signal, error } = spawnSync(FILTER_PROBE_PROGRAM, [], {
    input: Buffer.concat(batches.flatMap(writeBatch)),
    timeout,
    maxBuffer: ANSWER_BYTES * (calls.length + 1),
    stdio: ["pipe", "pipe", "inherit"],
  });
  if (status !== 0 || stdout.length !== ANSWER_BYTES * calls.length) {
    throw new HostError({
      code: "probe-failed",
      tried: `Cannot ask the kernel for a filter's answers with ${FILTER_PROBE_PROGRAM}`,
      subject: FILTER_PROBE_PROGRAM,
      answer: error?.message ?? (signal === null ? `exit code ${status}` : `it was ended by ${signal}`),
      remedy: "Run `npm run setup`.",
    });
  }
  let next = 0;
  return batches.map((batch) => batch.calls.map(() => readAnswer(stdout, ANSWER_BYTES * next++)));
}

function writeBatch({ program, calls }: ProbeBatch): Buffer[] {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(RECORD.filter, 0);
  head.writeUInt32LE(program.length / INSTRUCTION_BYTES, 4);
  return [head, program, ...calls.map(writeCall)];
}

/** Record, then wait, filling, number and arguments. */
function writeCall({ number, args, waitMs = WAIT_MS }: ProbedCall): Buffer {
  const record = Buffer.alloc(CALL_BYTES);
  record.writeUInt32LE(RECORD.call, 0);
  record.writeUInt32LE(waitMs, 4);
  record.writeBigInt64LE(BigInt(number), 12);
  args.forEach((arg, index) => {
    record.writeBigUInt64LE(arg, 20 + 8 * index);
  });
  return record;
}

function readAnswer(output: Buffer, at: number): KernelAnswer {
  const how = HOWS[output.readUInt32LE(at)];
  const value = output.readBigInt64LE(at + 8);
  if (how === "returned") return { how, value };
  if (how === "signalled") return { how, signal: Number(value) };
  return how === "exited" ? { how, status: Number(value) } : { how: "late" };
}
