/** How a process ended by itself, or was ended. */
export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** `exit 0` or `SIGSEGV`; null: it had not ended in time. */
export async function wordEnd(ended: Promise<ProcessEnd>, deadlineMs: number): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), deadlineMs);
  });
  const end = await Promise.race([ended, late]);
  clearTimeout(timer);
  return end === null ? null : (end.signal ?? `exit ${end.exitCode}`);
}
