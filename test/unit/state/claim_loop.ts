// node claim_loop.js STATE PEERS TURNS: claims and releases one VM name TURNS times, beside as many processes that do the same.
import { readdirSync, unlinkSync, writeFileSync } from "node:fs";
import { StateError } from "../../../src/errors/index.js";
import { findRun, OwnedRun, openDirectories } from "../../../src/state/index.js";

const [state = "", peers = "1", turns = "0"] = process.argv.slice(2);
const directories = openDirectories({ BULKHEAD_STATE: state });
const marker = `${state}/owned`;
let owned = 0;

/** Throws when two own the name at a time, or when the owner's record is not there any more. */
function claimOnce(): void {
  let run: OwnedRun;
  try {
    run = OwnedRun.claim(directories, { vm: "web1", shutdownGraceMs: 0 });
  } catch (error) {
    if (error instanceof StateError && error.code === "vm-name-busy") return;
    throw error;
  }
  writeFileSync(marker, String(process.pid), { flag: "wx" });
  run.update({ state: "running" });
  if (findRun(directories, "web1")?.record.launcher.pid !== process.pid) throw new Error("the record is not the owner's");
  unlinkSync(marker);
  run.release();
  owned += 1;
}

writeFileSync(`${state}/ready-${process.pid}`, "");
while (readdirSync(state).filter((name) => name.startsWith("ready-")).length < Number(peers));
while (owned < Number(turns)) claimOnce();
