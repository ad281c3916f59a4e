import { fileURLToPath } from "node:url";

/** From dist/src/kernel/ to where set-up builds the KVM rig and its guest: native/rig. */
const FOLDER = new URL("../../../native/build/rig/", import.meta.url);

/** The program that holds a KVM machine: native/rig/kvm_rig.cc. */
export const KVM_RIG_PROGRAM = fileURLToPath(new URL("kvm_rig", FOLDER));

/** The code of its guest, as it lies in memory: native/rig/guest.S. */
export const KVM_RIG_GUEST = fileURLToPath(new URL("guest.bin", FOLDER));
