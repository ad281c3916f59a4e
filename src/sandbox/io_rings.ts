import { readdirSync, readlinkSync } from "node:fs";

const OWN_FDS = "/proc/self/fd";
/** What the kernel calls the fd of a ring: io_uring_get_file(), io_uring/io_uring.c. */
const RING = "anon_inode:[io_uring]";

/**
 * Whether this process has an io_uring ring, as libuv makes one for each loop from 1.49 on. Such a process cannot be confined:
 * its filter refuses io_uring_enter, for rings do I/O past filters, and libuv then aborts.
 */
export function hasIoRing(): boolean {
  return readdirSync(OWN_FDS).some((fd) => targetOf(`${OWN_FDS}/${fd}`) === RING);
}

/** Null for the fd of the listing itself, which is closed by now. */
function targetOf(link: string): string | null {
  try {
    return readlinkSync(link);
  } catch {
    return null;
  }
}
