import { createHash } from "node:crypto";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { REPOSITORY } from "../repository.mjs";
import { SetupError, say } from "./run.mjs";

const POLL_MS = 100;
/** An npm ci, three native builds and a tsc on a slow machine, in ms. */
const WAIT_MAX_MS = 600_000;

/**
 * Runs `work` while no other set-up of this checkout runs. The lock is a bound abstract socket (unix(7)), which the
 * kernel releases with the process: a set-up that is killed leaves nothing behind.
 */
export async function withSetupLock(work) {
  const name = `\0bulkhead-setup-${createHash("sha256").update(REPOSITORY).digest("hex").slice(0, 16)}`;
  const deadlineMs = Date.now() + WAIT_MAX_MS;
  let server = await tryListen(name);
  if (server === null) say("waiting for another set-up of this checkout");
  while (server === null) {
    if (Date.now() > deadlineMs) throw new SetupError("Cannot set up: another set-up of this checkout does not end. End it.");
    await sleep(POLL_MS);
    server = await tryListen(name);
  }
  try {
    return await work();
  } finally {
    server.close();
  }
}

function tryListen(name) {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", (error) => (error.code === "EADDRINUSE" ? resolve(null) : reject(error)));
    server.listen(name, () => resolve(server));
  });
}
