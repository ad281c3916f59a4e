import { ProtocolError } from "../../errors/index.js";
import type { PciDevice } from "./device.js";

/** Type 0 headers have six: PCI Local Bus Specification 3.0, 6.2.5. */
const BARS_MAX = 6;
/** What QEMU's proxy can tell: it takes the low four bits of every BAR for flags. */
const BAR_BYTES_MIN = 16;
const BAR_BYTES_MAX = 2 ** 31;
/** What x86 guests can place: PCI Local Bus Specification 3.0, 6.2.5.1. */
const IO_BYTES_MAX = 256;

/** Throws ProtocolError "device-malformed" for a device that no VMM could use as it is declared. */
export function checkDevice({ ids, bars }: PciDevice): void {
  const u16: readonly (readonly [name: string, value: number])[] = [
    ["vendorId", ids.vendorId],
    ["deviceId", ids.deviceId],
    ["subsystemVendorId", ids.subsystemVendorId ?? 0],
    ["subsystemId", ids.subsystemId ?? 0],
  ];
  for (const [name, value] of u16) expect(isUnsigned(value, 16), name, `${value} is not an unsigned 16-bit number`);
  // FFFFh is what a slot without a device answers.
  expect(ids.vendorId !== 0xffff, "vendorId", "ffffh means that there is no device");
  expect(isUnsigned(ids.classCode, 24), "classCode", `${ids.classCode} is not an unsigned 24-bit number`);
  expect(isUnsigned(ids.revision ?? 0, 8), "revision", `${ids.revision} is not an unsigned 8-bit number`);
  expect(bars.length <= BARS_MAX, "bars", `${bars.length} are more than ${BARS_MAX}`);
  for (const [index, { kind, sizeBytes }] of bars.entries()) {
    const max = kind === "io" ? IO_BYTES_MAX : BAR_BYTES_MAX;
    const fits = sizeBytes >= BAR_BYTES_MIN && sizeBytes <= max && Number.isInteger(Math.log2(sizeBytes));
    expect(fits, `bars[${index}]`, `${sizeBytes} is not a power of two from ${BAR_BYTES_MIN} to ${max}`);
  }
}

function isUnsigned(value: number, bits: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < 2 ** bits;
}

function expect(holds: boolean, subject: string, answer: string): void {
  if (holds) return;
  throw new ProtocolError({ code: "device-malformed", tried: `Cannot host the device: ${subject}`, subject, answer });
}
