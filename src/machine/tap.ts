import { closeSync } from "node:fs";
import { HostError } from "../errors/index.js";
import { addon, answerOf, isSystemError } from "../kernel/index.js";
import { requireLabel } from "../selinux/index.js";

/** Character device of tun(4): Documentation/networking/tuntap.rst. */
const TUN_NODE = { name: "tun", major: 10, minor: 200, mode: 0o600, user: 0, group: 0 };
const HOST_NODE = "/dev/net/tun";
/** The node takes no data blocks; the limit only has to be above one page. */
const NODE_BYTES = 64 * 1024;

/**
 * The queue of an operator's tap. One that is missing is not made, and one that is in use is not taken. With a context, it is
 * opened through a node of its own, which has that: the host's has one label for all. Throws HostError "tap-unavailable".
 */
export function openTap(name: string, context: string | undefined): number {
  if (context === undefined) return attachTap(name, HOST_NODE);
  const directoryFd = addon.makeTmpfs({ sizeBytes: NODE_BYTES, context });
  try {
    addon.makeNode({ directoryFd, ...TUN_NODE });
    const fd = attachTap(name, `/proc/self/fd/${directoryFd}/${TUN_NODE.name}`);
    requireLabel(fd, context, `tap ${name}`);
    return fd;
  } finally {
    closeSync(directoryFd);
  }
}

function attachTap(name: string, node: string): number {
  try {
    return addon.openTap({ name, node });
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    // EINVAL: TUNSETIFF on a bridge, a physical card, a tun of IP packets, or a tap with several queues.
    const remedies: Readonly<Record<string, string>> = {
      EBUSY: "End whatever uses it, or name another tap.",
      EINVAL: "It is an interface of another kind; name a tap with a single queue.",
    };
    const remedy = remedies[cause.code] ?? `Make it first: ip tuntap add ${name} mode tap && ip link set ${name} up`;
    throw new HostError({
      code: "tap-unavailable",
      tried: `Cannot attach to tap "${name}"`,
      subject: name,
      answer: answerOf(cause),
      remedy,
      cause,
    });
  }
}
