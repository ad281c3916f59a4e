import type { Report, SoundDevice } from "./vm_rules.js";
import type { BackingFile } from "./vm_schema.js";

/** Longest chain of backing files: each is one more open file, and one more process that judges it before the launch. */
const BACKING_FILES_MAX = 8;

/** What the keys of a disk say together: only qcow2 has backing files, and a chain ends. */
export function checkDisk({ index, device }: SoundDevice, report: Report): void {
  let layer: BackingFile | undefined = device.disk;
  const path: PropertyKey[] = ["devices", index, "disk"];
  for (let depth = 0; layer?.backing !== undefined; depth += 1) {
    path.push("backing");
    if (layer.format !== "qcow2") {
      report(
        path,
        `an image of format "${layer.format}" has no backing file; remove the key, or say "format: qcow2" if it is one`,
      );
    }
    if (depth >= BACKING_FILES_MAX) {
      report(path, `more than ${BACKING_FILES_MAX} backing files; shorten the chain with qemu-img rebase or convert`);
      return;
    }
    layer = layer.backing;
  }
}
