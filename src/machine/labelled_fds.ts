import { addon, withSocketContext } from "../kernel/index.js";
import { requireLabel, writeLabel } from "../selinux/index.js";

/** A pair of connected sockets; with a context, both ends have it. Throws SelinuxError "label-differs". */
export function labelledSockets(context: string | undefined): [number, number] {
  if (context === undefined) return addon.socketPair();
  const pair = withSocketContext(context, () => addon.socketPair());
  for (const fd of pair) requireLabel(fd, context, "a socket");
  return pair;
}

/** A pipe, its reading end first; with a context, it has that instead of the launcher's. Throws SelinuxError "label-*". */
export function labelledPipe(context: string | undefined): [number, number] {
  const pair = addon.pipePair();
  // Both ends are one inode.
  if (context !== undefined) writeLabel(pair[0], context, "a pipe");
  return pair;
}
