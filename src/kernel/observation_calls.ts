/** Facts of a file as the kernel has them at hand, without asking the server of a remote or user-space file system. */
export interface FileFacts {
  /** Type and permission bits: inode(7). */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** 0: it has no name any more. */
  readonly links: number;
  readonly inode: number;
  /** Device of its file system, as st_dev has it. */
  readonly device: number;
  /** Of a device node: which device it is. */
  readonly nodeMajor: number;
  readonly nodeMinor: number;
}

export interface UnixSocketFacts {
  readonly inode: number;
  /** 0: connected to none, or to one that is closed. */
  readonly peerInode: number;
  /** 1 stream, 2 datagram, 5 seqpacket: socket(2). */
  readonly type: number;
  readonly listens: boolean;
  /** As it was bound, any bytes; an abstract name begins with a zero byte. Empty: not bound. */
  readonly name: Buffer;
}

/** What is read of processes that nobody trusts. Failures are SystemError. */
export interface ObservationCalls {
  /** Follows links, magic ones too. */
  describeFile(options: { path: string }): FileFacts;
  /** The UNIX sockets made in a network namespace, -1: the caller's, whoever holds them. E2BIG: more than `socketsMax`. */
  unixSockets(options: { namespaceFd: number; socketsMax: number }): readonly UnixSocketFacts[];
  /** A netlink socket for questions about the UNIX sockets of this network namespace. */
  openSocketDiag(): number;
  /** Bytes that wait unread in the UNIX stream socket of this inode, whoever holds it; `fd` is of openSocketDiag. ENOENT: nobody does. */
  unreadBytes(options: { fd: number; inode: number }): number;
}
