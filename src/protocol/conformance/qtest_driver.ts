import type { BarPlace } from "../proxy/device_proxy.js";
import type { BarAccess, ConfigAccess } from "../wire/message.js";
import type { VmmDriver } from "./vmm_driver.js";

/** Ports of a PC for configuration space, the enable bit, and a slot's place: PCI Local Bus Specification 3.0, 3.2.2.3.2. */
const CONFIG_ADDRESS = 0xcf8;
const CONFIG_DATA = 0xcfc;
const CONFIG_ENABLE = 0x8000_0000;
const SLOT_SHIFT = 11;
/** Reset control of PIIX3 and ICH9: reset the CPU, hard. Intel ICH9 datasheet, 13.7.3. */
const RESET_CONTROL = 0xcf9;
const RESET_HARD = 0x06;

/** qtest's letter for so many bytes: QEMU docs/devel/testing/qtest.rst. */
const LETTERS: Readonly<Record<number, string>> = { 1: "b", 2: "w", 4: "l", 8: "q" };

/** One command of qtest; the value that QEMU answers with, 0n for none. */
export type QtestCommand = (line: string) => Promise<bigint>;

/**
 * A VMM of QEMU whose vCPU never runs, on a PC with the device in a slot of bus 0: what a guest's CPU would do is done through
 * qtest, so neither guest nor firmware is needed.
 */
export class QtestDriver implements VmmDriver {
  readonly isOpen = true;
  readonly interrupts = null;
  readonly place = null;
  readonly memoryEnd: number;
  readonly #command: QtestCommand;
  readonly #slot: number;

  constructor(command: QtestCommand, machine: { readonly slot: number; readonly memoryBytes: number }) {
    this.#command = command;
    this.#slot = machine.slot;
    this.memoryEnd = machine.memoryBytes;
  }

  async readConfig(address: number, length: number): Promise<number> {
    await this.#select(address);
    return Number(await this.#command(`in${LETTERS[length]} ${CONFIG_DATA + (address & 3)}`));
  }

  async writeConfig({ address, value, length }: Omit<ConfigAccess, "command">): Promise<void> {
    await this.#select(address);
    await this.#command(`out${LETTERS[length]} ${CONFIG_DATA + (address & 3)} ${value}`);
  }

  readBar({ address, size, memory }: BarPlace): Promise<bigint> {
    return this.#command(`${memory ? "read" : "in"}${LETTERS[size]} ${address}`);
  }

  async writeBar({ address, size, value, memory }: Omit<BarAccess, "command">): Promise<void> {
    await this.#command(`${memory ? "write" : "out"}${LETTERS[size]} ${address} ${value}`);
  }

  /** QEMU resets between two commands. */
  async reset(): Promise<void> {
    await this.#command(`outb ${RESET_CONTROL} ${RESET_HARD}`);
  }

  async readMemory(address: number, lengthBytes: number): Promise<Buffer> {
    const value = await this.#command(`read ${address} ${lengthBytes}`);
    return Buffer.from(value.toString(16).padStart(lengthBytes * 2, "0"), "hex");
  }

  async writeMemory(address: number, bytes: Buffer): Promise<void> {
    await this.#command(`write ${address} ${bytes.length} 0x${bytes.toString("hex")}`);
  }

  async #select(register: number): Promise<void> {
    const place = CONFIG_ENABLE + (this.#slot << SLOT_SHIFT) + (register & ~3);
    await this.#command(`outl ${CONFIG_ADDRESS} ${place}`);
  }
}
