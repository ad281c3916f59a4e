import { type Exchange, expectSame, type Session } from "../exchange.js";
import type { InterruptEnds } from "../vmm_driver.js";
import { type OpenedWindow, openWindow } from "./register_window.js";

/** Status register and its interrupt bit: PCI Local Bus Specification 3.0, 6.2.3. */
const STATUS = 0x06;
const STATUS_INTERRUPT = 0x08;

/** Requests between which a device has looked at its resamplefd. */
const LOOKS = 20;

/** Makes the device raise its line by a copy onto itself. */
async function raise(window: OpenedWindow): Promise<void> {
  await window.profile.copy(window, { from: 0x1_0000, to: 0x1_0000, lengthBytes: 4 });
}

function endsOf({ vmm }: Session): InterruptEnds {
  if (vmm.interrupts === null) throw new Error("an exchange that needs interrupts was played without");
  return vmm.interrupts;
}

/** How often the device has raised its interrupt once it has had the time to see what was told it by the other eventfd. */
async function heard({ vmm }: Session, ends: InterruptEnds): Promise<bigint> {
  for (let look = 0; look < LOOKS; look++) {
    await vmm.readConfig(STATUS, 2);
    const count = ends.taken();
    if (count > 0n) return count;
  }
  return 0n;
}

async function level({ vmm }: Session): Promise<number> {
  return (await vmm.readConfig(STATUS, 2)) & STATUS_INTERRUPT;
}

export const INTERRUPT_EXCHANGES: readonly Exchange[] = [
  {
    id: "interrupt-level",
    rule: "The status register shows the level of the line: low, high from the cause on, low again when it is taken away.",
    needs: ["profile"],
    play: async (session) => {
      const window = await openWindow(session);
      expectSame("the interrupt bit at first", await level(session), 0);
      await raise(window);
      expectSame("the interrupt bit", await level(session), STATUS_INTERRUPT);
      await window.profile.acknowledge(window);
      expectSame("the interrupt bit at last", await level(session), 0);
    },
  },
  {
    id: "interrupt-raised",
    rule: "The device adds 1 to the irqfd when its line rises, and nothing while it stays high.",
    needs: ["profile", "interrupts"],
    play: async (session) => {
      const ends = endsOf(session);
      const window = await openWindow(session);
      ends.taken();
      await raise(window);
      expectSame("the irqfd", await heard(session, ends), 1n);
      expectSame("the irqfd, with the line still high,", await heard(session, ends), 0n);
      await window.profile.acknowledge(window);
    },
  },
  {
    id: "interrupt-resampled",
    rule: "A resample of a line that is high raises it again; one of a line that is low does not.",
    needs: ["profile", "interrupts"],
    play: async (session) => {
      const ends = endsOf(session);
      const window = await openWindow(session);
      await raise(window);
      await heard(session, ends);
      ends.resample();
      expectSame("the irqfd after a resample while it is high", await heard(session, ends), 1n);
      await window.profile.acknowledge(window);
      ends.resample();
      expectSame("the irqfd after a resample while it is low", await heard(session, ends), 0n);
    },
  },
  {
    id: "interrupt-reset",
    rule: "A reset takes the line down.",
    needs: ["profile"],
    play: async (session) => {
      await raise(await openWindow(session));
      await session.vmm.reset();
      expectSame("the interrupt bit after a reset", await level(session), 0);
    },
  },
];
