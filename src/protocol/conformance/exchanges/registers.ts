import { type Exchange, expectSame } from "../exchange.js";
import { openWindow, WINDOW } from "./register_window.js";

/** Elsewhere, as much aligned as the first place. */
const OTHER_WINDOW = 0xe400_0000;

/** As many accesses without a pause, each answered before the next. */
const ROUNDS = 500;

/** A value of so many bytes, all of them different. */
function patternOf(widthBytes: number): bigint {
  return BigInt.asUintN(8 * widthBytes, 0x8877_6655_4433_2211n);
}

export const REGISTER_EXCHANGES: readonly Exchange[] = [
  {
    id: "bar-widths",
    rule: "A register is read and written by 1, 2, 4 and 8 bytes, as far as it is wide.",
    needs: ["profile"],
    play: async (session) => {
      const window = await openWindow(session);
      const { offset, widthBytes } = window.profile.scratch;
      const pattern = patternOf(widthBytes);
      await window.write(offset, widthBytes, pattern);
      for (const size of [1, 2, 4, 8].filter((bytes) => bytes <= widthBytes)) {
        for (let at = 0; at < widthBytes; at += size) {
          const seen = await window.read(offset + at, size);
          expectSame(`${size} bytes at +${at}`, seen, BigInt.asUintN(8 * size, pattern >> BigInt(8 * at)));
        }
      }
      await window.write(offset + 2, 1, 0xeen);
      expectSame("after a write of one byte it", await window.read(offset, 4), 0x44ee_2211n);
      await window.write(offset, 2, 0xabcdn);
      expectSame("after a write of two bytes it", await window.read(offset, 4), 0x44ee_abcdn);
    },
  },
  {
    id: "bar-moves",
    rule: "Registers are where the base address register says, from the next access on.",
    needs: ["profile"],
    play: async (session) => {
      const window = await openWindow(session);
      const { offset } = window.profile.scratch;
      await window.write(offset, 4, 0x1357_9bdfn);
      await window.move(OTHER_WINDOW);
      expectSame("what is read at the new place", await window.read(offset, 4), 0x1357_9bdfn);
      await window.move(WINDOW);
      expectSame("what is read at the first place", await window.read(offset, 4), 0x1357_9bdfn);
    },
  },
  {
    id: "bar-reset",
    rule: "A reset clears registers.",
    needs: ["profile"],
    play: async (session) => {
      const { offset } = (await openWindow(session)).profile.scratch;
      const written = await openWindow(session);
      await written.write(offset, 4, 0xffff_ffffn);
      const reset = await openWindow(session);
      expectSame("the register", await reset.read(offset, 4), 0n);
    },
  },
  {
    id: "order",
    rule: "Each access sees those before it.",
    needs: ["profile"],
    play: async (session) => {
      const window = await openWindow(session);
      const { offset } = window.profile.scratch;
      for (let round = 1n; round <= ROUNDS; round++) {
        await window.write(offset, 4, round);
        expectSame("the register", await window.read(offset, 4), round);
      }
    },
  },
];
