import { spawn } from "node:child_process";
import { once } from "node:events";
import { HostError } from "../../errors/index.js";

/**
 * Runs `work` while holding an exclusive lock on `file`. The lock is a flock(2) held by a child that waits on a pipe from this
 * process: however this process ends, the pipe closes, the child ends and the kernel frees the lock. `onWait` is called when
 * another process holds it. Throws HostError "lab-lock" when the file cannot be locked.
 */
export async function withLock<T>(
  file: string,
  hooks: { readonly onWait: () => void; readonly signal?: AbortSignal | undefined },
  work: () => Promise<T>,
): Promise<T> {
  const holder = spawn("flock", ["--exclusive", file, "sh", "-c", "echo held; exec cat >/dev/null"], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  const closed = once(holder, "close");
  // A lock that was free answers at once; only a longer silence is worth a line to the reader.
  const waiting = setTimeout(hooks.onWait, 500);
  const stop = (): void => void holder.kill("SIGKILL");
  hooks.signal?.addEventListener("abort", stop, { once: true });
  try {
    const held = await Promise.race([once(holder.stdout, "data").then(() => true), closed.then(() => false)]);
    hooks.signal?.throwIfAborted();
    if (!held) throw lockFailure(file, String(holder.stderr.read() ?? "flock ended without a word"));
    clearTimeout(waiting);
    return await work();
  } finally {
    clearTimeout(waiting);
    hooks.signal?.removeEventListener("abort", stop);
    holder.stdin.end();
    await closed;
  }
}

function lockFailure(file: string, answer: string): HostError {
  return new HostError({ code: "lab-lock", tried: `Cannot lock ${file}`, subject: file, answer: answer.trim() });
}
