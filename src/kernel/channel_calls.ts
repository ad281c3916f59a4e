/** Tells when an fd can be read or written, in Node's event loop. Close it before the fd. For the main thread only. */
export interface FdWatch {
  /** What to tell of, again and again for as long as it is so. Neither: nothing, and the loop may end. */
  watch(options: { readable: boolean; writable: boolean }): void;
  close(): void;
}

/** What one read brought. The fds are the caller's, close-on-exec. */
export interface ReceivedBytes {
  /** Null: none wait. 0: the connection has ended. */
  readonly bytes: number | null;
  readonly fds: readonly number[];
  /** More fds came than this process may open; those are gone. */
  readonly lostFds: boolean;
}

/** What is known of a file that may be shared memory. */
export interface MemoryFileFacts {
  readonly sizeBytes: bigint;
  /** F_SEAL_* bits; -1: a file that cannot have any. */
  readonly seals: number;
  /** On tmpfs, where memfds are; not on hugetlbfs, whose pages can run short while mapped. */
  readonly isPageCache: boolean;
}

/** A part of a memory file, mapped. Copies in and out; throws RangeError for what is not inside, Error when closed. */
export interface SharedMapping {
  read(options: { offset: bigint; bytes: Buffer }): void;
  write(options: { offset: bigint; bytes: Buffer }): void;
  /** One access of 1, 2, 4 or 8 bytes, at a multiple of its width. */
  load(options: { offset: bigint; width: number }): bigint;
  store(options: { offset: bigint; width: number; value: bigint }): void;
  /** Unmaps. Idempotent. */
  close(): void;
}

/** What the proxy/remote protocol asks of the kernel: messages with fds, eventfds, shared memory. Failures are SystemError. */
export interface ChannelCalls {
  /** `fd` must be pollable: a socket, an eventfd. */
  FdWatch: new (options: {
    fd: number;
    onReady: (readable: boolean, writable: boolean) => void;
  }) => FdWatch;
  /** Bytes sent, 0 when none fitted; the fds (at most 253, SCM_MAX_FD) go with the first. Never waits. */
  sendMessage(options: { socketFd: number; data: Buffer; fds: readonly number[] }): number;
  /** Never waits. A read ends after bytes that fds came with, so their fds are never mixed with those of later ones. */
  receiveMessage(options: { socketFd: number; target: Buffer }): ReceivedBytes;
  /** A non-blocking eventfd with the count 0. */
  makeEventfd(): number;
  /** Adds 1, unless it is full. */
  signalEventfd(options: { fd: number }): void;
  /** Its count, which becomes 0. Never waits. */
  takeEventfd(options: { fd: number }): bigint;
  /** Maps a part of a memory file, readable and writable. `offset` is a multiple of the page size. The caller keeps the fd. */
  SharedMapping: new (options: {
    fd: number;
    offset: bigint;
    sizeBytes: bigint;
  }) => SharedMapping;
  inspectMemory(options: { fd: number }): MemoryFileFacts;
  /** A memfd that can neither grow nor shrink. */
  makeSealedMemory(options: { name: string; sizeBytes: bigint }): number;
}
