import { createHash } from "node:crypto";
import type { ModelledDevice, NetSpec } from "../spec/index.js";
import type { BackendFacts, DeviceWiring } from "./device_wiring.js";

/**
 * The legacy interface alone: its registers are one I/O BAR. The modern one lies in a 64-bit BAR, and a proxy forwards every
 * BAR as a 32-bit one (hw/remote/proxy.c, probe_pci_info). No vectors: MSI-X does not reach a remote process.
 */
const LEGACY_VIRTIO = { "disable-modern": true, "disable-legacy": "off", vectors: 0 } as const;

/** Properties that a card must have beside its address and its netdev. */
const CARD_PROPERTIES: ReadonlyMap<string, Readonly<Record<string, unknown>>> = new Map([["virtio-net-pci", LEGACY_VIRTIO]]);

export function wireNet(device: ModelledDevice, net: NetSpec, backend: BackendFacts): DeviceWiring {
  const nic = {
    driver: device.model,
    id: device.id,
    mac: net.mac ?? deriveMac(backend.vm, device.id),
    // Boot ROMs of network cards would be one more file to parse, for a boot method that no VM file offers.
    romfile: "",
    ...CARD_PROPERTIES.get(device.model),
  };
  if (backend.fd === null) return { options: [], devices: [nic], attach: [] };
  const netdev = `${device.id}-netdev`;
  const attach = [{ execute: "netdev_add", arguments: { type: "tap", id: netdev, fd: String(backend.fd) } }];
  return { options: [], devices: [{ ...nic, netdev }], attach };
}

/** A stable address per VM and device in QEMU's own range 52:54:00, so that two VMs on one bridge differ. */
function deriveMac(vm: string, device: string): string {
  const digest = createHash("sha256").update(`${vm}/${device}`).digest();
  const tail = [...digest.subarray(0, 3)].map((byte) => byte.toString(16).padStart(2, "0"));
  return ["52", "54", "00", ...tail].join(":");
}
