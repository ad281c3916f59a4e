import { type Exchange, expectSame, expectThat, type Session } from "../exchange.js";
import { type MemoryPlace, PC_LAYOUT } from "../vmm_driver.js";
import { openWindow, WINDOW } from "./register_window.js";

const SOURCE = 0x1_0000;
/** In the region above 1 MiB. */
const HIGH = 0x11_0000;
/** Where a PC's memory below the window of a video card ends. */
const EDGE = 0xa_0000;
const TEXT = Buffer.from("sixteen bytes..!");
const BLANK = Buffer.alloc(TEXT.length, 0x2e);

/** The low region as it was, and the high one elsewhere in the guest and in its file. */
const MOVED = 0x80_0000;
const MOVED_LAYOUT: readonly MemoryPlace[] = [
  { address: 0, sizeBytes: EDGE, offset: 0 },
  { address: MOVED, sizeBytes: 0x1_0000, offset: 0x18_0000 },
];
/** Two parts of the file in the other order, next to one another in the guest. */
const TOUCHING = 0x40_0000;
const TOUCHING_LAYOUT: readonly MemoryPlace[] = [
  { address: TOUCHING + 0x1000, sizeBytes: 0x1000, offset: 0x10_0000 },
  { address: 0, sizeBytes: EDGE, offset: 0 },
  { address: TOUCHING, sizeBytes: 0x1000, offset: 0x11_0000 },
];

/** Plays with memory in other places, and puts it back. */
async function withLayout({ vmm }: Session, layout: readonly MemoryPlace[], play: () => Promise<void>): Promise<void> {
  if (vmm.place === null) throw new Error("an exchange that needs memory in other places was played without");
  await vmm.place(layout);
  try {
    await play();
  } finally {
    if (vmm.isOpen) await vmm.place(PC_LAYOUT);
  }
}

export const MEMORY_EXCHANGES: readonly Exchange[] = [
  {
    id: "dma-copies",
    rule: "A bus master reads and writes guest memory in every region, and is heard to have done.",
    needs: ["profile"],
    play: async (session) => {
      const window = await openWindow(session);
      await session.vmm.writeMemory(SOURCE, TEXT);
      expectThat(await window.profile.copy(window, { from: SOURCE, to: HIGH, lengthBytes: TEXT.length }), "the copy failed");
      expectSame("what was copied", (await session.vmm.readMemory(HIGH, TEXT.length)).toString(), TEXT.toString());
    },
  },
  {
    id: "dma-edges",
    rule: "Guest memory is reached up to the first and the last byte of a region.",
    needs: ["profile"],
    play: async (session) => {
      const window = await openWindow(session);
      for (const [from, to] of [
        [SOURCE, EDGE - TEXT.length],
        [EDGE - TEXT.length, 0],
        [0, 0x10_0000],
        [0x10_0000, session.vmm.memoryEnd - TEXT.length],
      ] as const) {
        await session.vmm.writeMemory(from, TEXT);
        expectThat(await window.profile.copy(window, { from, to, lengthBytes: TEXT.length }), "the copy failed");
        expectSame(`what was copied to ${to}`, (await session.vmm.readMemory(to, TEXT.length)).toString(), TEXT.toString());
        await window.profile.acknowledge(window);
      }
    },
  },
  {
    id: "dma-outside",
    rule: "What is not shared is not reached, and nothing of a copy that is not all there is done.",
    needs: ["profile"],
    play: async (session) => {
      const window = await openWindow(session);
      if (!window.profile.refusesCopies) return;
      const end = session.vmm.memoryEnd;
      await session.vmm.writeMemory(end - TEXT.length, BLANK);
      for (const [from, to] of [
        [SOURCE, end - 8],
        [end - 8, SOURCE],
        [SOURCE, end],
        [SOURCE, WINDOW],
      ] as const) {
        const copied = await window.profile.copy(window, { from, to, lengthBytes: TEXT.length });
        expectThat(!copied, `a copy from ${from} to ${to} was done`);
        await window.profile.acknowledge(window);
      }
      const kept = await session.vmm.readMemory(end - TEXT.length, TEXT.length);
      expectSame("memory at its end", kept.toString(), BLANK.toString());
    },
  },
  {
    id: "dma-without-leave",
    rule: "A device that is no bus master does not reach guest memory.",
    needs: ["profile"],
    play: async (session) => {
      const window = await openWindow(session);
      if (!window.profile.refusesCopies) return;
      await session.vmm.writeMemory(HIGH, BLANK);
      await window.allow({ memory: true, busMaster: false });
      const copied = await window.profile.copy(window, { from: SOURCE, to: HIGH, lengthBytes: TEXT.length });
      expectThat(!copied, "the copy was done");
      expectSame("memory", (await session.vmm.readMemory(HIGH, TEXT.length)).toString(), BLANK.toString());
    },
  },
  {
    id: "memory-moves",
    rule: "A sync-sysmem takes the place of the one before: regions are where the last one says.",
    needs: ["profile", "layout"],
    play: async (session) => {
      const window = await openWindow(session);
      await withLayout(session, MOVED_LAYOUT, async () => {
        await session.vmm.writeMemory(SOURCE, TEXT);
        expectThat(await window.profile.copy(window, { from: SOURCE, to: MOVED, lengthBytes: TEXT.length }), "the copy failed");
        expectSame("what was copied", (await session.vmm.readMemory(MOVED, TEXT.length)).toString(), TEXT.toString());
      });
    },
  },
  {
    id: "memory-touches",
    rule: "Regions that touch in the guest are one piece of memory, wherever they lie in their files and in the message.",
    needs: ["profile", "layout"],
    play: async (session) => {
      const window = await openWindow(session);
      const to = TOUCHING + 0x1000 - TEXT.length / 2;
      await withLayout(session, TOUCHING_LAYOUT, async () => {
        await session.vmm.writeMemory(SOURCE, TEXT);
        expectThat(await window.profile.copy(window, { from: SOURCE, to, lengthBytes: TEXT.length }), "the copy failed");
        const halves = [await session.vmm.readMemory(to, 8), await session.vmm.readMemory(TOUCHING + 0x1000, 8)];
        expectSame("what was copied", Buffer.concat(halves).toString(), TEXT.toString());
      });
    },
  },
];
