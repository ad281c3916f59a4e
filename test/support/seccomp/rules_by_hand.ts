import {
  decideCall,
  type Effect,
  effectOf,
  type FilterRules,
  type SeccompAction,
  type SyscallData,
  syscallName,
} from "../../../src/seccomp/index.js";

const ARCH_X86_64 = 0xc000003e;
const X32_BIT = 0x40000000;

/** What rules say of one call, by reading them one after another: nothing of the checker's is used. */
export function effectByRules(filter: FilterRules, { number, arch, args }: SyscallData): Effect {
  const foreign = number >= X32_BIT && number !== 0xffffffff;
  if (arch !== ARCH_X86_64 || foreign) return { action: "kill-process", data: 0 };
  const syscall = syscallName(number);
  return toEffect(syscall === undefined ? filter.otherwise : decideCall(filter, syscall, args).action);
}

export function sameEffect(one: Effect, other: Effect): boolean {
  return one.action === other.action && one.data === other.data;
}

function toEffect(action: SeccompAction): Effect {
  return action.kind === "errno" ? effectOf(0x50000 + action.errno) : { action: action.kind, data: 0 };
}
