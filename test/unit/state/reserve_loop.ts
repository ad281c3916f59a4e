// node reserve_loop.js STATE PEERS: reserves 100 uids of 300 beside as many processes that do the same, and prints them.
import { readdirSync, writeFileSync } from "node:fs";
import { openDirectories, reserveUid } from "../../../src/state/index.js";

const [state = "", peers = "1"] = process.argv.slice(2);
const directories = openDirectories({ BULKHEAD_STATE: state });
const owner = { vm: `vm${process.pid}`, use: { delegated: [], used: new Set<number>() } };
writeFileSync(`${state}/ready-${process.pid}`, "");
while (readdirSync(state).filter((name) => name.startsWith("ready-")).length < Number(peers));
const uids = Array.from({ length: 100 }, () => reserveUid(directories, { first: 500_000, last: 500_299 }, owner));
process.stdout.write(uids.join(" "));
