import { closeSync } from "node:fs";
import { addon, type ChildOperation } from "../src/kernel/index.js";
import type { Session } from "../src/sandbox/index.js";

/** Longest wait for exec, in ms. */
const EXEC_DEADLINE_MS = 10_000;

/**
 * Starts a program in the session of a VM, by which the kernel schedules, with these fds (its number to ours) and no others, and
 * takes nothing else from it. Resolves when it runs; `ended` when it has ended.
 */
export async function startPlain(
  session: Session,
  argv: readonly string[],
  places: ReadonlyMap<number, number>,
): Promise<{ readonly ended: Promise<unknown> }> {
  const placed = [...places].map(([number, fd]): ChildOperation => ({ step: "place-fd", fd, number: BigInt(number) }));
  const started = await addon.spawnConfined({
    operations: [
      ...placed,
      { step: "close-other-fds", number: BigInt(Math.max(...places.keys())) },
      { step: "default-signals" },
      { step: "exec", path: argv[0] as string },
    ],
    argv,
    environment: [],
    session: session.native,
    namespaces: 0n,
    networkSocket: -1,
    gate: null,
    cgroupFd: -1,
    userMap: "",
    groupMap: "",
    deadlineMs: EXEC_DEADLINE_MS,
  });
  if (started.failed) throw new Error(`cannot start ${argv[0]}: ${JSON.stringify(started)}`);
  const { pidfd } = started;
  return { ended: addon.waitExit({ pidfd, keepAlive: true }).finally(() => closeSync(pidfd)) };
}
