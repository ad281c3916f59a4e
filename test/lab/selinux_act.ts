import { execFile, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { buildRoot } from "../support/repository.js";

/** Where the host's test leaves the program, compiled: the lab has no compiler. */
export const ACT_PROGRAM = join(buildRoot, "test/lab/selinux_act");
/** Where the program lies, and what it is given. */
export const ACTS_PLACE = "/var/lib/bulkhead-acts";
const ENTRY_LABEL = "system_u:object_r:bulkhead_program_t:s0";

/** Puts the program where every domain of ours may start from it: as in a private root, by its label. */
export async function prepareActs(): Promise<void> {
  await mkdir(ACTS_PLACE, { recursive: true });
  await copyFile(ACT_PROGRAM, `${ACTS_PLACE}/act`);
  await promisify(execFile)("chcon", [ENTRY_LABEL, `${ACTS_PLACE}/act`]);
}

export interface Actor {
  readonly context: string;
  /** Of whom it acts on, so that it is no other uid that keeps it from that. */
  readonly uid: number;
  /** Opened for it as its descriptor 0, or an open descriptor of the caller's; null: nothing is. */
  readonly input: string | number | null;
}

/** Lets a process do one act and returns its exit status. */
export function actAs({ context, uid, input }: Actor, act: readonly string[]): Promise<number> {
  const fd = typeof input === "number" ? input : openSync(input ?? "/dev/null", "r");
  const ids = ["--reuid", String(uid), "--regid", String(uid), "--clear-groups"];
  // No descriptor of the test's own: the domain may not use them, and each would be a denial in the log.
  const child = spawn("setpriv", [...ids, "runcon", context, `${ACTS_PLACE}/act`, ...act], { stdio: [fd, "ignore", "ignore"] });
  if (fd !== input) closeSync(fd);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => (code === null ? reject(new Error(`died by ${signal}`)) : resolve(code)));
  });
}
