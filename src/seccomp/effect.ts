/**
 * What the kernel makes of a filter's 32-bit answer: SECCOMP_RET_* of include/uapi/linux/seccomp.h. Action in the high 16
 * bits, data in the low 16. Not taken from action.ts, by which the generators write answers: the proof reads them with this
 * table, and a slip in one must not hide in the other.
 */
const ACTIONS = {
  "kill-process": 0x80000000,
  "kill-thread": 0x00000000,
  trap: 0x00030000,
  errno: 0x00050000,
  notify: 0x7fc00000,
  trace: 0x7ff00000,
  log: 0x7ffc0000,
  allow: 0x7fff0000,
} as const;

export type EffectKind = keyof typeof ACTIONS;

/** Every action that there is, as an answer without data. */
export const KNOWN_ACTIONS: readonly number[] = Object.values(ACTIONS);

/** What happens to a call. `data`: the error number, or what the tracer or the SIGSYS handler is told; 0 where nobody sees it. */
export interface Effect {
  readonly action: EffectKind;
  readonly data: number;
}

/** A kernel as far as answers depend on it. */
export interface KernelVersion {
  readonly major: number;
  readonly minor: number;
}

/** MAX_ERRNO of include/linux/err.h; greater error numbers are cut down to it. */
const ERRNO_MAX = 4095;
/** Actions whose data somebody sees. */
const WITH_DATA: ReadonlySet<EffectKind> = new Set(["trap", "errno", "trace"]);
/** First kernel that knows an action; an older one takes it for unknown: Documentation/userspace-api/seccomp_filter.rst. */
const KNOWN_SINCE: Readonly<Partial<Record<EffectKind, KernelVersion>>> = {
  "kill-process": { major: 4, minor: 14 },
  log: { major: 4, minor: 14 },
  notify: { major: 5, minor: 0 },
};
const CURRENT: KernelVersion = { major: 6, minor: 18 };
const KINDS = new Map(Object.entries(ACTIONS).map(([kind, value]) => [value as number, kind as EffectKind]));

function isBefore(kernel: KernelVersion, since: KernelVersion): boolean {
  return kernel.major < since.major || (kernel.major === since.major && kernel.minor < since.minor);
}

/** Before 4.14 the top bit counted for nothing: SECCOMP_RET_ACTION was 0x7fff0000. */
function actionBits(answer: number, kernel: KernelVersion): number {
  return (answer & (isBefore(kernel, { major: 4, minor: 14 }) ? 0x7fff0000 : 0xffff0000)) >>> 0;
}

/**
 * The effect of a single filter's answer, or of the answer that won in a stack. An unknown action kills the process, before
 * Linux 4.14 the thread. `kernel` defaults to the newest that this was compared with.
 */
export function effectOf(answer: number, kernel: KernelVersion = CURRENT): Effect {
  const kind = KINDS.get(actionBits(answer, kernel));
  const since = kind === undefined ? undefined : KNOWN_SINCE[kind];
  if (kind === undefined || (since !== undefined && isBefore(kernel, since))) {
    return { action: isBefore(kernel, { major: 4, minor: 14 }) ? "kill-thread" : "kill-process", data: 0 };
  }
  if (!WITH_DATA.has(kind)) return { action: kind, data: 0 };
  const data = answer & 0xffff;
  return { action: kind, data: kind === "errno" ? Math.min(data, ERRNO_MAX) : data };
}

/** The answer whose effect this is, without data that nobody sees. */
export function answerWithEffect({ action, data }: Effect): number {
  return ACTIONS[action] + data;
}

/** Whether data of this answer reaches anybody; unknown actions carry none. */
export function carriesData(answer: number): boolean {
  const kind = KINDS.get(actionBits(answer, CURRENT));
  return kind !== undefined && WITH_DATA.has(kind);
}

/** Precedence of an answer: the smaller, the stronger. Signed, so that KILL_PROCESS is below KILL_THREAD. */
export function precedenceOf(answer: number, kernel: KernelVersion = CURRENT): number {
  return actionBits(answer, kernel) | 0;
}

/** For people: `allow`, `errno 38`. */
export function describeEffect({ action, data }: Effect): string {
  return WITH_DATA.has(action) ? `${action} ${data}` : action;
}

/**
 * The answer of a stack of filters: all run, the newest first; a later one counts only when it is stronger, so that of equals
 * the newest counts. `answers` from the newest to the oldest. Actions that are no less strong than ALLOW give plain ALLOW.
 */
export function winningAnswer(answers: readonly number[], kernel: KernelVersion = CURRENT): number {
  return answers.reduce<number>(
    (winner, answer) => (precedenceOf(answer, kernel) < precedenceOf(winner, kernel) ? answer : winner),
    ACTIONS.allow,
  );
}
