import { type Exchange, expectSame, expectThat } from "../exchange.js";
import type { VmmDriver } from "../vmm_driver.js";

/** Registers and bits: PCI Local Bus Specification 3.0, 6.1 and 6.2. */
const COMMAND = 0x04;
const COMMAND_DECODES = 0x7;
const BAR_0 = 0x10;
const BARS = 6;
const INTERRUPT_LINE = 0x3c;
const HEADER_BYTES = 0x40;
const ALL_ONES = 0xffff_ffff;
const IO = 0x1;
const IO_FLAGS = 0x3;
const MEMORY_FLAGS = 0xf;
const WIDTH_MASK = 0x6;
const WIDTH_64 = 0x4;

/** The parts of a register that can be read: where, and how many bytes. */
const PARTS = [
  [0, 1],
  [1, 1],
  [2, 1],
  [3, 1],
  [0, 2],
  [2, 2],
] as const;

/** One base address register, or two that hold 64 bits: what it holds at rest, and what it holds of all ones. */
interface SizedBar {
  readonly index: number;
  readonly flags: number;
  readonly sizeBytes: bigint;
}

/** Sizes as a guest's firmware does, and restores. Registers without a BAR are left out. */
export async function sizeBars(vmm: VmmDriver): Promise<SizedBar[]> {
  const bars: SizedBar[] = [];
  for (let index = 0; index < BARS; index++) {
    const { before, ones } = await writeOnes(vmm, index);
    if (ones === 0) continue;
    const isIo = (ones & IO) !== 0;
    const flags = before & (isIo ? IO_FLAGS : MEMORY_FLAGS);
    const isWide = !isIo && (flags & WIDTH_MASK) === WIDTH_64;
    const upper = isWide ? (await writeOnes(vmm, index + 1)).ones : ALL_ONES;
    const mask = (BigInt(upper) << 32n) | BigInt((ones & ~(isIo ? IO_FLAGS : MEMORY_FLAGS)) >>> 0);
    // An I/O BAR need not take its upper 16 bits: 6.2.5.1.
    const sizeBytes = BigInt.asUintN(isIo ? 16 : 64, -mask);
    bars.push({ index, flags, sizeBytes });
    if (isWide) index += 1;
  }
  return bars;
}

async function writeOnes(vmm: VmmDriver, index: number): Promise<{ readonly before: number; readonly ones: number }> {
  const address = BAR_0 + 4 * index;
  const before = await vmm.readConfig(address, 4);
  await vmm.writeConfig({ address, value: ALL_ONES, length: 4 });
  const ones = await vmm.readConfig(address, 4);
  await vmm.writeConfig({ address, value: before, length: 4 });
  expectSame(`BAR ${index}, restored,`, await vmm.readConfig(address, 4), before);
  return { before, ones };
}

export const CONFIG_EXCHANGES: readonly Exchange[] = [
  {
    id: "config-ids",
    rule: "The ids name a device, and nothing that is written changes them.",
    needs: [],
    play: async ({ vmm }) => {
      const ids = await vmm.readConfig(0, 4);
      expectThat(![0, 0xffff].includes(ids & 0xffff), `the vendor is ${(ids & 0xffff).toString(16)}h`);
      await vmm.writeConfig({ address: 0, value: ~ids >>> 0, length: 4 });
      expectSame("the register at 0", await vmm.readConfig(0, 4), ids);
    },
  },
  {
    id: "config-widths",
    rule: "A register is the same by 1, 2 and 4 bytes.",
    needs: [],
    play: async ({ vmm }) => {
      for (let address = 0; address < HEADER_BYTES; address += 4) {
        const whole = await vmm.readConfig(address, 4);
        for (const [offset, length] of PARTS) {
          const part = await vmm.readConfig(address + offset, length);
          expectSame(`${length} bytes at ${address + offset}`, part, (whole >>> (8 * offset)) % 2 ** (8 * length));
        }
      }
    },
  },
  {
    id: "config-partial-write",
    rule: "A write of one byte changes that byte alone.",
    needs: [],
    play: async ({ vmm }) => {
      const before = await vmm.readConfig(INTERRUPT_LINE, 4);
      await vmm.writeConfig({ address: INTERRUPT_LINE, value: 0xa5, length: 1 });
      expectSame("the register at 3ch", await vmm.readConfig(INTERRUPT_LINE, 4), ((before & ~0xff) | 0xa5) >>> 0);
      await vmm.writeConfig({ address: INTERRUPT_LINE, value: before & 0xff, length: 1 });
    },
  },
  {
    id: "config-command",
    rule: "The command register keeps what is written to it, and can be cleared.",
    needs: [],
    play: async ({ vmm }) => {
      await vmm.writeConfig({ address: COMMAND, value: COMMAND_DECODES, length: 2 });
      expectThat(((await vmm.readConfig(COMMAND, 2)) & COMMAND_DECODES) !== 0, "none of its decode bits can be set");
      await vmm.writeConfig({ address: COMMAND, value: 0, length: 2 });
      expectSame("the decode bits", (await vmm.readConfig(COMMAND, 2)) & COMMAND_DECODES, 0);
    },
  },
  {
    id: "bar-sizes",
    rule: "Every BAR tells a power of two as its size, keeps its kind, and is restored.",
    needs: [],
    play: async ({ vmm }) => {
      for (const { index, sizeBytes } of await sizeBars(vmm)) {
        expectThat((sizeBytes & (sizeBytes - 1n)) === 0n, `BAR ${index} is of 0x${sizeBytes.toString(16)} bytes`);
      }
    },
  },
  {
    id: "bar-placed",
    rule: "A BAR keeps the address that is written to it, rounded down to its size.",
    needs: [],
    play: async ({ vmm }) => {
      for (const { index, flags, sizeBytes } of await sizeBars(vmm)) {
        const address = BAR_0 + 4 * index;
        const place = (flags & IO) !== 0 ? 0xc000n : 0xe000_0000n;
        await vmm.writeConfig({ address, value: Number(place + sizeBytes / 2n), length: 4 });
        expectSame(`BAR ${index}`, await vmm.readConfig(address, 4), Number(place) + flags);
        await vmm.writeConfig({ address, value: 0, length: 4 });
      }
    },
  },
  {
    id: "reset-config",
    rule: "A reset takes the command register and the BARs back to power-on.",
    needs: [],
    play: async ({ vmm }) => {
      const bars = await sizeBars(vmm);
      for (const { index, flags } of bars) {
        await vmm.writeConfig({ address: BAR_0 + 4 * index, value: (flags & IO) !== 0 ? 0xc000 : 0xe000_0000, length: 4 });
      }
      await vmm.writeConfig({ address: COMMAND, value: COMMAND_DECODES, length: 2 });
      await vmm.reset();
      const command = (await vmm.readConfig(COMMAND, 2)) & COMMAND_DECODES;
      await vmm.writeConfig({ address: COMMAND, value: 0, length: 2 });
      const kept: number[] = [];
      for (const { index, flags } of bars) {
        if ((await vmm.readConfig(BAR_0 + 4 * index, 4)) !== flags) kept.push(index);
        // A BAR that stayed would lie over those of the next exchange.
        await vmm.writeConfig({ address: BAR_0 + 4 * index, value: 0, length: 4 });
      }
      expectSame("the command register", command, 0);
      expectSame("the BARs that kept their address", kept.join(" "), "");
    },
  },
];
