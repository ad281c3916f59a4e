/** The QEMU generations that every claim about QEMU is tested against, oldest first. */
export const QEMU_GENERATIONS = ["7.2", "10", "11"] as const;
export type QemuGeneration = (typeof QEMU_GENERATIONS)[number];

/** Where each generation comes from: the Debian suite that ships it. */
export const GENERATION_SUITE: Readonly<Record<QemuGeneration, string>> = {
  "7.2": "bookworm",
  "10": "trixie",
  "11": "sid",
};

/**
 * The generation that runs the lab's own VM. Not 7.2: under nested KVM, hashing and two CPUs its TCG crashed the lab's kernel
 * in one boot of four.
 */
export const LAB_VM_GENERATION: QemuGeneration = "10";

/** True when `version` (`10.0.13`) belongs to `generation` (`10`): its leading parts are the same. */
export function isOfGeneration(version: string, generation: QemuGeneration): boolean {
  return version === generation || version.startsWith(`${generation}.`);
}
