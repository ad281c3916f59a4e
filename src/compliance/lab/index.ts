export { recordDenials } from "./audit_log.js";
export { type BareDevice, type BareGuest, runBareGuest } from "./bare_guest.js";
export { type BuildContext, CACHE_VARIABLE, cacheDirectory } from "./cache.js";
export { type Denial, parseDenial } from "./denial.js";
export { QEMU_GENERATIONS, type QemuGeneration } from "./generation.js";
export { GUEST_DRIVERS, type GuestKit, guestKit } from "./guest_kit.js";
export { type GuestReport, parseGuestReport, writePattern } from "./guest_report.js";
export { ensureLabImage } from "./lab_image.js";
export { type LabPolicy, loadLabPolicy } from "./lab_policy.js";
export { MIRROR_VARIABLE } from "./mirror.js";
export { type QemuRoot, qemuRoot } from "./qemu_root.js";
/** Set in the lab: native/lab/run_job.sh. */
export const LAB_MARK = "BULKHEAD_LAB";
export { type LabKernel, type LabOutcome, type LabRun, runLab } from "./run_lab.js";
