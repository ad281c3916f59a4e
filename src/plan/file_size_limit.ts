import type { DeviceSpec } from "../spec/index.js";
import { dataKey, imageKey } from "./image_nodes.js";
import type { ProcessPlan } from "./launch_plan.js";
import type { ImageFacts } from "./plan_inputs.js";

/** QEMU rounds the length of a raw image up to whole sectors, and writes the last one whole: BDRV_SECTOR_SIZE, block.h. */
const SECTOR_BYTES = 512;
/** MAX_CLUSTER_BITS: QEMU block/qcow2.h. */
const CLUSTER_BYTES_MAX = 2 * 1024 * 1024;
/**
 * What a qcow2 image has at most beside each byte of data: with clusters of 512 bytes an L2 entry and a reference count of 8
 * bytes each, and some for tables that are moved as they grow; docs/interop/qcow2.rst. Dirty bitmaps fit into the rest.
 */
const METADATA_DIVISOR = 16n;
/** The last, half empty cluster of each kind of table, old and new. */
const TABLE_ENDS_BYTES = 8n * BigInt(CLUSTER_BYTES_MAX);

function roundUp(bytes: number, unitBytes: number): number {
  return Math.ceil(bytes / unitBytes) * unitBytes;
}

/** Such an image keeps what it has (snapshots, for example), and each byte that the guest sees may be written anew beside it. */
function qcow2BytesMax(sizeBytes: number, virtualBytes: bigint): number {
  const bound = BigInt(sizeBytes) + virtualBytes + virtualBytes / METADATA_DIVISOR + TABLE_ENDS_BYTES;
  // Beyond any file system's largest file; a plan is JSON, whose numbers are exact up to here.
  return bound > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(bound);
}

/**
 * RLIMIT_FSIZE of a device's process, in bytes: to where it may write in a regular file. 0 for all that write none: what is no
 * disk, what only reads, and a block device, which the limit does not concern. `virtualBytes` is what the judge read from a qcow2
 * image; null: it has not been judged, and may not be written.
 */
export function planFileSize(
  device: DeviceSpec,
  images: ReadonlyMap<string, ImageFacts>,
  virtualBytes: bigint | null = null,
): number {
  const { disk } = device;
  if (disk === null || disk.readOnly) return 0;
  const sizeOf = (key: string): number | null => {
    const facts = images.get(key);
    return facts === undefined || facts.kind === "block" ? null : facts.sizeBytes;
  };
  const ownBytes = sizeOf(imageKey(device.id, 0));
  if (disk.format === "raw") return roundUp(ownBytes ?? 0, SECTOR_BYTES);
  if (virtualBytes === null) return 0;
  const dataBytes = sizeOf(dataKey(device.id, 0));
  return Math.max(
    ownBytes === null ? 0 : qcow2BytesMax(ownBytes, virtualBytes),
    dataBytes === null ? 0 : roundUp(Math.max(dataBytes, Number(virtualBytes)), CLUSTER_BYTES_MAX),
  );
}

/** The process of a device whose images have been judged. */
export function withJudgedFileSize(
  process: ProcessPlan,
  device: DeviceSpec,
  judged: { readonly images: ReadonlyMap<string, ImageFacts>; readonly virtualBytes: ReadonlyMap<string, bigint> },
): ProcessPlan {
  const fsize = planFileSize(device, judged.images, judged.virtualBytes.get(imageKey(device.id, 0)) ?? null);
  return { ...process, limits: { ...process.limits, fsize } };
}
