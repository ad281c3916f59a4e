import type { DeviceProfile, RegisterWindow } from "../device_profile.js";
import type { Session } from "../exchange.js";

const COMMAND = 0x04;
const BAR_0 = 0x10;
const MEMORY = 0x2;
const BUS_MASTER = 0x4;

/** Above guest memory, below 4 GiB and what a PC has there; at a multiple of every size that a BAR of registers has. */
export const WINDOW = 0xe000_0000;

export interface OpenedWindow extends RegisterWindow {
  readonly profile: DeviceProfile;
  /** Places it elsewhere; it stays open. */
  move(address: number): Promise<void>;
  /** Opens and closes it, and lets the device reach guest memory or not. */
  allow(what: { readonly memory: boolean; readonly busMaster: boolean }): Promise<void>;
}

/** Resets the device, places its window and opens it, as a bus master. */
export async function openWindow({ vmm, profile }: Session): Promise<OpenedWindow> {
  if (profile === null) throw new Error("an exchange that needs a known device was played with another");
  let base = WINDOW;
  const window: OpenedWindow = {
    vmm,
    profile,
    read: (offset, size) => vmm.readBar({ address: BigInt(base + offset), size, memory: true }),
    write: (offset, size, value) => vmm.writeBar({ address: BigInt(base + offset), size, value, memory: true }),
    move: async (address) => {
      base = address;
      await vmm.writeConfig({ address: BAR_0 + 4 * profile.bar, value: address, length: 4 });
    },
    allow: ({ memory, busMaster }) =>
      vmm.writeConfig({ address: COMMAND, value: (memory ? MEMORY : 0) | (busMaster ? BUS_MASTER : 0), length: 2 }),
  };
  await vmm.reset();
  await window.move(WINDOW);
  await window.allow({ memory: true, busMaster: true });
  return window;
}
