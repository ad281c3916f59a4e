import { SYSCALL_NUMBERS } from "../../seccomp/index.js";
import type { ActStep } from "../controls/control.js";
import { ActData } from "./act_data.js";
import { judgeFailure, type Puppet } from "./puppet.js";

/** Registers of native/hostile_device/acts.h. */
const PLACE = { number: 0x08, repeats: 0x40, act: 0x48, answer: 0x50, dataAddress: 0x60, data: 0x1000 } as const;
/** enum class Act, likewise. */
const ACT = { call: 1n, load: 2n, store: 3n, jump: 4n, spin: 5n } as const;
const ARGUMENTS = 6;
/** MAX_ERRNO: include/linux/err.h. What lies between it and 0 is an error. */
const ERRNO_MAX = 4095n;

/** What came of a list of steps. */
export type Performance =
  /** Every step was done. */
  | { readonly kind: "done"; readonly answers: readonly bigint[] }
  /** A call failed. `succeeded`: how often it had not before, when it was repeated. */
  | { readonly kind: "refused"; readonly step: number; readonly errno: number; readonly succeeded: number }
  /** The process ended, or does not answer, at this step. */
  | { readonly kind: "gone" | "silent"; readonly step: number };

/** Has a process do these steps in order. `names`: what `$NAME` means, to which the answers are added. */
export async function perform(
  puppet: Puppet,
  steps: readonly ActStep[],
  names: ReadonlyMap<string, bigint>,
): Promise<Performance> {
  const known = new Map(names);
  const answers: bigint[] = [];
  let usedBytes = 0;
  let index = 0;
  try {
    const address = (await puppet.read(PLACE.dataAddress, 8)).readBigUInt64LE();
    known.set("data", address);
    for (const step of steps) {
      const data = new ActData(address, known, usedBytes);
      const values = argumentsOf(step).map((argument) => data.valueOf(argument));
      await puppet.write(PLACE.data + usedBytes, data.filled(usedBytes));
      usedBytes = data.usedBytes;
      await puppet.write(PLACE.number, registersOf(step, values));
      await puppet.write(PLACE.act, words([ACT[step.kind]]));
      const result = await puppet.read(PLACE.answer, 16);
      const [answer, succeeded] = [result.readBigInt64LE(), Number(result.readBigUInt64LE(8))];
      const failed = step.kind === "call" && answer < 0n && answer >= -ERRNO_MAX;
      if (failed) return { kind: "refused", step: index, errno: -Number(answer), succeeded };
      answers.push(answer);
      if (step.kind !== "spin" && step.as !== null) known.set(step.as, answer);
      index += 1;
    }
    return { kind: "done", answers };
  } catch (error) {
    const kind = judgeFailure(error);
    if (kind === null) throw error;
    return { kind, step: index };
  }
}

function argumentsOf(step: ActStep) {
  if (step.kind === "call") return step.args;
  return step.kind === "spin" ? [] : [step.address, step.value];
}

/** Number, arguments and repeats stand side by side. */
function registersOf(step: ActStep, values: readonly bigint[]): Buffer {
  const number = step.kind === "call" ? (SYSCALL_NUMBERS.get(step.call) ?? 0) : 0;
  const padded = [...values, ...Array<bigint>(ARGUMENTS - values.length).fill(0n)];
  return words([BigInt(number), ...padded, BigInt(step.kind === "call" ? step.repeat : 1)]);
}

function words(values: readonly bigint[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(value, index * 8);
  return bytes;
}
