import { execFileSync } from "node:child_process";
import { closeSync, rmSync, writeSync } from "node:fs";
import { createServer } from "node:net";
import { addon, withSocketContext } from "../../src/kernel/index.js";
import { ACTS_PLACE } from "./selinux_act.js";

/** Major and minor number of /dev/net/tun: Documentation/admin-guide/devices.txt. */
const TUN = ["10", "200"] as const;

/** A tap's node of this label, as a launcher makes one for a device; returns its path. */
export function makeTap(label: string): string {
  const path = `${ACTS_PLACE}/tap`;
  rmSync(path, { force: true });
  execFileSync("mknod", ["-m", "666", path, "c", ...TUN]);
  execFileSync("chcon", [label, path]);
  return path;
}

/** A connection of this label with a byte to read, for as long as `use` has it. */
export async function openChannel<Used>(label: string, use: (fd: number) => Promise<Used>): Promise<Used> {
  const [fd, peer] = withSocketContext(label, () => addon.socketPair());
  try {
    writeSync(peer, "x");
    return await use(fd);
  } finally {
    closeSync(fd);
    closeSync(peer);
  }
}

const LISTENER = "bulkhead-test-listener";

/** A listening socket of this label under an abstract name, for as long as `use` has it. */
export async function listenAs<Used>(label: string, use: (name: string) => Promise<Used>): Promise<Used> {
  const server = createServer();
  // The socket is made before listen() returns.
  withSocketContext(label, () => server.listen(`\0${LISTENER}`));
  try {
    return await use(LISTENER);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}
