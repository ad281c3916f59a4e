import { writeLabel } from "../index.js";

/** Labels a file for an administrator: nothing is noted, and nobody takes it back. Throws SelinuxError "label-*". */
export function labelForGood(fd: number, label: string, path: string): void {
  writeLabel(fd, label, path);
}
