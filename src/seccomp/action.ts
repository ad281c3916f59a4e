import type { SeccompAction } from "./rule.js";

/** SECCOMP_RET_*: include/uapi/linux/seccomp.h. The low 16 bits carry data, for ERRNO the error number. */
const RETURN_VALUES = {
  "kill-process": 0x80000000,
  "kill-thread": 0x00000000,
  trap: 0x00030000,
  errno: 0x00050000,
  notify: 0x7fc00000,
  trace: 0x7ff00000,
  log: 0x7ffc0000,
  allow: 0x7fff0000,
} as const satisfies Record<SeccompAction["kind"], number>;

/** The 32-bit value that a filter returns for an action. */
export function encodeAction(action: SeccompAction): number {
  const data = action.kind === "errno" ? action.errno : action.kind === "trace" ? action.data : 0;
  return RETURN_VALUES[action.kind] + data;
}

/** A filter's answer for people: `allow`, `errno 38`, or the bare number of an answer that no action has. */
export function describeAnswer(answer: number): string {
  const data = answer & 0xffff;
  const base = (answer - data) >>> 0;
  const found = Object.entries(RETURN_VALUES).find(([, value]) => value === base);
  if (found === undefined) return `0x${answer.toString(16)}`;
  return data === 0 ? found[0] : `${found[0]} ${data}`;
}
