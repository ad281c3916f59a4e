import { closeSync } from "node:fs";
import { addon } from "../../kernel/index.js";
import type { ProcessDirectory } from "../process_directory.js";
import { readInternetSockets } from "./internet_sockets.js";
import { attempt, type Reading } from "./reading.js";

/** One socket as its network namespace lists it, whoever holds it. */
export interface LiveSocket {
  readonly inode: number;
  /** `unix-stream`, `tcp6`, `netlink`. */
  readonly protocol: string;
  readonly state: "listening" | "connected" | "open";
  /** Address or path; `@` before an abstract name; empty: none. Of a UNIX socket any bytes. */
  readonly local: string;
  /** Of its peer on the network; empty: none. */
  readonly remote: string;
  /** Of a connected UNIX socket: the socket at the other end; null for all else. */
  readonly peerInode: number | null;
}

/** The sockets of one network namespace. */
export type SocketTable = Reading<ReadonlyMap<number, LiveSocket>>;

/** UNIX sockets of a namespace that are read; a busy host has a few thousand. */
const UNIX_SOCKETS_MAX = 200_000;

/** SOCK_* of socket(2). */
const UNIX_TYPES: Readonly<Record<number, string>> = { 1: "unix-stream", 2: "unix-datagram", 5: "unix-seqpacket" };

/** Socket tables of all network namespaces that an audit comes across, each read once. */
export class SocketTables {
  readonly #tables = new Map<string, SocketTable>();
  readonly #ownNamespace: string;

  /** `ownNamespace`: of the reader, `net:[4026531833]`; empty where it may not be known. */
  constructor(ownNamespace: string) {
    this.#ownNamespace = ownNamespace;
  }

  /** The sockets that were made in the namespace that a process is in. */
  of(directory: ProcessDirectory): SocketTable {
    const name = attempt(() => directory.link("ns/net"));
    if (!name.known) return name;
    const read = this.#tables.get(name.value);
    if (read !== undefined) return read;
    const table = attempt(() => this.#read(directory, name.value));
    this.#tables.set(name.value, table);
    return table;
  }

  /** A socket in any namespace read so far: sockets are handed from one to another. Null: none of them lists it. */
  find(inode: number): LiveSocket | null {
    for (const table of this.#tables.values()) {
      const socket = table.known ? table.value.get(inode) : undefined;
      if (socket !== undefined) return socket;
    }
    return null;
  }

  #read(directory: ProcessDirectory, name: string): ReadonlyMap<number, LiveSocket> {
    const sockets = [...readInternetSockets(directory), ...readUnixSockets(name === this.#ownNamespace ? null : directory)];
    return new Map(sockets.map((socket) => [socket.inode, socket]));
  }
}

/** `directory` null: of the reader's own namespace. */
function readUnixSockets(directory: ProcessDirectory | null): LiveSocket[] {
  const namespaceFd = directory === null ? -1 : directory.open("ns/net");
  try {
    const sockets = addon.unixSockets({ namespaceFd, socketsMax: UNIX_SOCKETS_MAX });
    return sockets.map(({ inode, peerInode, type, listens, name }) => ({
      inode,
      protocol: UNIX_TYPES[type] ?? "unix",
      state: listens ? "listening" : peerInode === 0 ? "open" : "connected",
      local: nameOf(name),
      remote: "",
      peerInode: peerInode === 0 ? null : peerInode,
    }));
  } finally {
    if (namespaceFd >= 0) closeSync(namespaceFd);
  }
}

/** Of a bound one; the kernel ends paths with a zero byte and begins abstract names with one. */
function nameOf(name: Buffer): string {
  if (name.length > 0 && name[0] === 0) return `@${name.subarray(1).toString("utf8")}`;
  return name.toString("utf8").replace(/\0.*$/s, "");
}
