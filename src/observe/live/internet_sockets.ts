import type { ProcessDirectory } from "../process_directory.js";
import type { LiveSocket } from "./socket_table.js";

/** Text of one of a namespace's tables that is read: some 100,000 connections. */
const TABLE_BYTES_MAX = 16 * 1024 * 1024;

/** TCP_ESTABLISHED and TCP_LISTEN of include/net/tcp_states.h, as the tables print them; a UDP socket with a peer has the first. */
const CONNECTED = "01";
const LISTENING = "0A";

/** Files of /proc/PID/net with a socket a line, addresses in the fields 1 and 2, the state in 3 and the inode in 9: proc_pid_net(5). */
const ADDRESS_TABLES = ["tcp", "tcp6", "udp", "udp6", "raw", "raw6", "icmp", "icmp6"] as const;

/** The same of families without addresses: where the inode stands. */
const OTHER_TABLES = { packet: 8, netlink: 9 } as const;

/** Internet, packet and netlink sockets of the network namespace of a process. */
export function readInternetSockets(directory: ProcessDirectory): LiveSocket[] {
  const addressed = ADDRESS_TABLES.flatMap((name) => rowsOf(directory, name).map((row) => readAddressed(name, row)));
  const others = Object.entries(OTHER_TABLES).flatMap(([name, place]) =>
    rowsOf(directory, name).map((row): LiveSocket => {
      return { inode: Number(row[place]), protocol: name, state: "open", local: "", remote: "", peerInode: null };
    }),
  );
  return [...addressed, ...others];
}

/** Without its heading; none of a protocol that the kernel lacks, as IPv6 where it is off. */
function rowsOf(directory: ProcessDirectory, name: string): string[][] {
  try {
    const { bytes, whole } = directory.readStart(`net/${name}`, TABLE_BYTES_MAX);
    if (!whole) throw new Error(`net/${name} has more than ${TABLE_BYTES_MAX} bytes`);
    const lines = bytes.toString("latin1").split("\n").slice(1);
    return lines.filter((line) => line !== "").map((line) => line.trim().split(/\s+/));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT" && directory.exists) return [];
    throw error;
  }
}

function readAddressed(protocol: string, row: readonly string[]): LiveSocket {
  const [, local = "", remote = "", state] = row;
  const connected = state === CONNECTED;
  return {
    inode: Number(row[9]),
    protocol,
    state: state === LISTENING ? "listening" : connected ? "connected" : "open",
    local: parseAddress(local),
    remote: connected ? parseAddress(remote) : "",
    peerInode: null,
  };
}

/** `0100007F:1F90` is 127.0.0.1:8080: words of 32 bits in the host's order, little-endian here. Exported for its test. */
export function parseAddress(text: string): string {
  const [hex = "", port = ""] = text.split(":");
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse());
  const portNumber = Number.parseInt(port, 16);
  if (bytes.length === 4) return `${bytes.map((byte) => Number.parseInt(byte, 16)).join(".")}:${portNumber}`;
  const groups = Array.from({ length: 8 }, (_, group) =>
    Number.parseInt(`${bytes[2 * group]}${bytes[2 * group + 1]}`, 16).toString(16),
  );
  return `[${groups.join(":").replace(/(^|:)0(:0)+(:|$)/, "::")}]:${portNumber}`;
}
