export {
  DOORBELL,
  FIRST_VECTOR,
  type GuestOrder,
  KvmRig,
  MAIN_BYTES,
  MOVABLE_BYTES,
  RefusedByKvm,
  SLOT,
  TIMES_MAX,
} from "./kvm_rig.js";
