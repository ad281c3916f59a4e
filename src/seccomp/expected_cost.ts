import type { BpfInstruction } from "./bpf_program.js";
import { type CallFrequency, numberOfCall } from "./call_frequency.js";
import { isConstantAllow } from "./constant_allow.js";
import { AUDIT_ARCH_X86_64, evaluate } from "./emulator.js";

/** What a filter costs a role's measured calls, in instructions per call on average. */
export interface ExpectedCost {
  /** On Linux 5.11 and later, where calls that are allowed whatever their arguments skip the filter. */
  readonly perCall: number;
  /** Where every call runs the filter: older kernels, or an outer filter that looks at arguments. */
  readonly perCallUncached: number;
}

/** Runs the filter on every measured call and weighs what it executes. No calls cost nothing. */
export function expectedCost(program: readonly BpfInstruction[], frequencies: readonly CallFrequency[]): ExpectedCost {
  let calls = 0;
  let executed = 0;
  let executedUncached = 0;
  for (const call of frequencies) {
    const number = numberOfCall(call);
    const steps = evaluate(program, { number, arch: AUDIT_ARCH_X86_64, args: call.args }).executed * call.count;
    calls += call.count;
    executedUncached += steps;
    if (!isConstantAllow(program, number)) executed += steps;
  }
  return calls === 0
    ? { perCall: 0, perCallUncached: 0 }
    : { perCall: executed / calls, perCallUncached: executedUncached / calls };
}
