import { ftruncateSync, openSync, unlinkSync } from "node:fs";

/** A file of tmpfs, as a memfd is, that whoever holds it can cut off. The caller's to close. */
export function makeUnsealedMemory(sizeBytes: number): number {
  const path = `/dev/shm/bulkhead-test-${process.pid}`;
  const fd = openSync(path, "wx+");
  unlinkSync(path);
  ftruncateSync(fd, sizeBytes);
  return fd;
}
