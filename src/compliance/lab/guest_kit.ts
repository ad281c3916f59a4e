import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { type BuildContext, type CacheEntry, ensureEntry } from "./cache.js";
import { buildInitrd, ensureKernels } from "./kernels.js";
import { readLabSource } from "./lab_sources.js";
import { KERNELS } from "./package_lists.js";

/** A Linux guest that tests device processes: boots, does what its command line asks, reports, powers off. docs/lab.md. */
export interface GuestKit {
  readonly kernel: string;
  readonly initrd: string;
}

/** The kernel module that drives each device model a remote process may emulate; models by their names in docs/vm-file.md. */
export const GUEST_DRIVERS = {
  lsi53c895a: "sym53c8xx",
  am53c974: "am53c974",
  dc390: "am53c974",
  megasas: "megaraid_sas",
  nvme: "nvme",
  "ich9-ahci": "ahci",
  pvscsi: "vmw_pvscsi",
  "sdhci-pci": "sdhci_pci",
  e1000: "e1000",
  e1000e: "e1000e",
  rtl8139: "8139cp",
  pcnet: "pcnet32",
  i82559er: "e100",
  ne2k_pci: "ne2k_pci",
  tulip: "tulip",
  vmxnet3: "vmxnet3",
  "virtio-net-pci": "virtio_net",
  mptsas1068: "mptsas",
  "qemu-xhci": "xhci_pci",
  "usb-ehci": "ehci_pci",
  "piix3-usb-uhci": "uhci_hcd",
  AC97: "snd_intel8x0",
  ES1370: "snd_ens1370",
  "intel-hda": "snd_hda_intel",
} as const;

/** What the drivers above bind to disks with, and the bus of virtio. */
const DISK_MODULES = ["sd_mod", "mmc_block", "virtio_pci"];

/**
 * The guest kit, built first when the cache lacks it. On a warm cache of kernels this takes 2 s.
 * Throws HostError "lab-mirror-unreachable" and the others of buildDebianRoot().
 */
export async function guestKit(context: BuildContext): Promise<GuestKit> {
  const directory = await ensureEntry(await guestKitEntry(), context);
  return { kernel: join(directory, "vmlinuz"), initrd: join(directory, "initrd.img") };
}

export async function guestKitEntry(): Promise<CacheEntry> {
  const init = await readLabSource("guest_init.sh");
  const modules = [...new Set([...Object.values(GUEST_DRIVERS), ...DISK_MODULES])];
  return {
    name: "guest-kit",
    inputs: { kernels: KERNELS, init: init.toString("utf8"), modules, layout: 1 },
    build: async (directory, context) => {
      const kernels = await ensureKernels(context);
      const initrd = await buildInitrd(kernels, { init, release: kernels.guestRelease, modules, layout: "by-alias" });
      // gzip: unpacks several times faster than xz, which counts under nested emulation.
      await writeFile(join(directory, "initrd.img"), await promisify(gzip)(initrd, { level: 9 }));
      await copyFile(join(kernels.root, "boot", `vmlinuz-${kernels.guestRelease}`), join(directory, "vmlinuz"));
    },
  };
}
