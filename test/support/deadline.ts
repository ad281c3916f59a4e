export type Body = () => void | Promise<void>;

export interface Deadline {
  /** For the message: `test "name"`. */
  readonly what: string;
  readonly timeoutMs: number;
}

/**
 * Runs a body to its end, or rejects when it takes longer than the deadline. A body that blocks the event loop is
 * judged when it comes back; one that never does is ended by the runner's deadline for the file.
 */
export async function runWithDeadline(body: Body, deadline: Deadline): Promise<void> {
  const startedMs = performance.now();
  const late = () => new Error(`${deadline.what} did not end within ${deadline.timeoutMs} ms`);
  let timer: NodeJS.Timeout | undefined;
  // The timer also keeps the process alive: a promise that nothing can settle would otherwise end the run silently.
  const expiry = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), deadline.timeoutMs);
  });
  try {
    await Promise.race([runAsync(body), expiry]);
  } finally {
    clearTimeout(timer);
  }
  if (performance.now() - startedMs > deadline.timeoutMs) throw late();
}

/** A body that throws before its first await rejects like any other. */
async function runAsync(body: Body): Promise<void> {
  await body();
}
