import { execFile } from "node:child_process";
import { promisify } from "node:util";

const execute = promisify(execFile);
const ip = (...args: string[]) => execute("ip", args);

/** Name of the tap that a VM is given. */
export const TAP = "tap0";
/** What the guest pings. */
export const PEER_ADDRESS = "10.0.0.1";
/** What the guest calls itself, with the length of the network's prefix. */
export const GUEST_ADDRESS = "10.0.0.2/24";

const NAMESPACE = "peer";
const BRIDGE = "br0";

/** A tap that is bridged to a peer in a network namespace of its own: nothing answers the guest but that peer. */
export async function makePeerNetwork(): Promise<void> {
  await execute("modprobe", ["-a", "bridge", "veth"]);
  await ip("netns", "add", NAMESPACE);
  await ip("link", "add", BRIDGE, "type", "bridge");
  await ip("link", "add", "uplink", "type", "veth", "peer", "name", "eth0", "netns", NAMESPACE);
  await ip("tuntap", "add", "dev", TAP, "mode", "tap");
  for (const port of ["uplink", TAP]) await ip("link", "set", port, "master", BRIDGE, "up");
  await ip("link", "set", BRIDGE, "up");
  await ip("-n", NAMESPACE, "addr", "add", `${PEER_ADDRESS}/24`, "dev", "eth0");
  await ip("-n", NAMESPACE, "link", "set", "eth0", "up");
}

/** Packets that the peer has received so far, by its own count. */
export async function countPeerPackets(): Promise<number> {
  const { stdout } = await ip("-n", NAMESPACE, "-json", "-stats", "link", "show", "eth0");
  const [link] = JSON.parse(stdout) as [{ readonly stats64: { readonly rx: { readonly packets: number } } }];
  return link.stats64.rx.packets;
}
