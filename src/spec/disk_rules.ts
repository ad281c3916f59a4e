import type { Report, SoundDevice } from "./vm_rules.js";
import type { BackingFile } from "./vm_schema.js";

/** Longest chain of backing files: each is one more open file, and one more process that judges it before the launch. */
const BACKING_FILES_MAX = 8;

/** What the keys of a disk say together: only qcow2 has backing files and a data file of its own, and a chain ends. */
export function checkDisk({ index, device }: SoundDevice, report: Report): void {
  const path: PropertyKey[] = ["devices", index, "disk"];
  let layer: BackingFile | undefined = device.disk;
  for (let depth = 0; layer !== undefined; depth += 1) {
    if (depth > BACKING_FILES_MAX) {
      report(path, `more than ${BACKING_FILES_MAX} backing files; shorten the chain with qemu-img rebase or convert`);
      return;
    }
    if (layer.format !== "qcow2") refuseQcow2Keys(layer, path, report);
    path.push("backing");
    layer = layer.backing;
  }
}

function refuseQcow2Keys(layer: BackingFile, path: readonly PropertyKey[], report: Report): void {
  const remedy = 'remove the key, or say "format: qcow2" if it is one';
  if (layer.backing !== undefined)
    report([...path, "backing"], `an image of format "${layer.format}" has no backing file; ${remedy}`);
  if (layer.dataFile !== undefined)
    report([...path, "dataFile"], `an image of format "${layer.format}" has no data file; ${remedy}`);
}
