import {
  type BpfProgram,
  type Call,
  compareSources,
  decideCall,
  describeAnswer,
  encodeAction,
  type FilterRules,
  readProgram,
  type SeccompAction,
  syscallName,
} from "../../seccomp/index.js";
import { askKernel, type KernelAnswer, type ProbedCall } from "./ask_kernel.js";
import { type BoundaryCall, boundaryCalls } from "./boundary_calls.js";

/** A call that the kernel let through, or answered more weakly, under a filter that was reviewed to refuse it. */
export interface Breach {
  readonly call: string;
  readonly reviewed: string;
  readonly observed: string;
}

/** What a filter lets through beyond what was reviewed. */
export interface FilterJudgement {
  /** Calls that were made in the kernel under the very program. */
  readonly callsMade: number;
  readonly breaches: readonly Breach[];
  /** Null: decided for all calls there are; else why not. */
  readonly undecided: string | null;
}

/** SIGSYS: include/uapi/asm-generic/signal.h. */
const SIGSYS = 31;
/** Without a listener the kernel answers notified calls so. */
const ENOSYS = 38;

/**
 * Holds a program, as the kernel gave it back from a live process, against the reviewed rules: by comparison for all calls there
 * are, and by making those at the boundary, and each counterexample, in the kernel. Throws HostError "probe-failed".
 */
export function judgeFilter(reviewed: FilterRules, program: Buffer): FilterJudgement {
  const parsed = readProgram(program);
  const { calls, undecided } = findWeaker(reviewed, parsed);
  const asked = [...calls, ...boundaryCalls(reviewed)];
  return { callsMade: asked.length, breaches: findBreaches(asked, program), undecided };
}

/** Calls for which a program is weaker than the rules, one for each kind of difference. */
export function findWeaker(reviewed: FilterRules, program: BpfProgram): { calls: BoundaryCall[]; undecided: string | null } {
  const result = compareSources({ kind: "rules", rules: reviewed }, { kind: "program", program });
  if (result.relation === null) return { calls: [], undecided: result.undecided };
  const weaker = result.changes.filter(({ direction }) => direction === "weaker");
  return { calls: weaker.map(({ example }) => boundaryCall(example, reviewed)), undecided: null };
}

/** A counterexample as a call, with what the rules say of it. */
export function boundaryCall({ number, args }: Call, reviewed: FilterRules): BoundaryCall {
  const syscall = syscallName(number) ?? `syscall 0x${number.toString(16)}`;
  return { syscall, number, args, action: decideCall(reviewed, syscall, args).action };
}

/** Makes the calls under the program; those that the kernel did not refuse as they must be. `waitMs` as for askKernel(). */
export function findBreaches(calls: readonly BoundaryCall[], program: Buffer, waitMs?: number): Breach[] {
  const probes = calls.map(
    ({ number, args }): ProbedCall => (waitMs === undefined ? { number, args } : { number, args, waitMs }),
  );
  const [answers = []] = askKernel([{ program, calls: probes }]);
  return calls.flatMap((call, index) => {
    const answer = answers[index] as KernelAnswer;
    return isRefused(answer, call.action) ? [] : [wordBreach(call, answer)];
  });
}

/** Whether the kernel did what a refusing action says. */
export function isRefused(answer: KernelAnswer, action: SeccompAction): boolean {
  switch (action.kind) {
    case "kill-process":
    case "kill-thread":
    case "trap":
      return answer.how === "signalled" && answer.signal === SIGSYS;
    case "errno":
      return answer.how === "returned" && answer.value === BigInt(-action.errno);
    case "notify":
    case "trace":
      // A killed call is refused as well: stricter than reviewed is no breach.
      return (
        (answer.how === "returned" && answer.value === BigInt(-ENOSYS)) ||
        (answer.how === "signalled" && answer.signal === SIGSYS)
      );
    case "allow":
    case "log":
      return true;
  }
}

/** A call that was not refused, for people. */
export function wordBreach({ syscall, args, action }: BoundaryCall, answer: KernelAnswer): Breach {
  const listed = args.map((arg) => `0x${arg.toString(16)}`).join(", ");
  return { call: `${syscall}(${listed})`, reviewed: describeAnswer(encodeAction(action)), observed: wordAnswer(answer) };
}

function wordAnswer(answer: KernelAnswer): string {
  switch (answer.how) {
    case "returned":
      return `the kernel carried it out: ${answer.value}`;
    case "signalled":
      return `signal ${answer.signal}`;
    case "exited":
      return `the process ended itself with ${answer.status}`;
    case "late":
      return "it went through and waits";
  }
}
