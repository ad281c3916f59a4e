export { bootId } from "./boot_id.js";
export { leaseCategories, leasedCategories, releaseCategories } from "./category_lease.js";
export { ContentCache } from "./content_cache.js";
export { type Directories, openDirectories } from "./directories.js";
export { EVENT_PRIORITY, type EventName, type MachineEvent } from "./event.js";
export { type LoggedEvent, logEvent, watchEvents } from "./event_log.js";
export { eventJsonSchema, findEventFault } from "./event_schema.js";
export { withExclusiveLock } from "./exclusive_lock.js";
export { identifyProcess, isAlive, type ProcessIdentity } from "./process_identity.js";
export {
  drawUid,
  parseSubuid,
  readUidUse,
  releaseUids,
  reservedUids,
  reserveUid,
  type UidUse,
  uidsOfProcess,
} from "./reservation.js";
export { findRun, type KnownRun, listRuns, type ObservedState, OwnedRun } from "./run.js";
export { NEXT_SUFFIX, type RecordedProcess, type RunRecord, type RunState, readJson, writeJson } from "./run_record.js";
export { releaseStrayUids, removeUnrecorded } from "./unrecorded.js";
