import { closeSync, readSync, writeSync } from "node:fs";
import { addon } from "../../kernel/index.js";
import { type BarPlace, DeviceProxy } from "../proxy/device_proxy.js";
import type { BarAccess, ConfigAccess } from "../wire/message.js";

/** Memory that is shared: where it lies in the guest and in its file, in bytes. */
export interface MemoryPlace {
  readonly address: number;
  readonly sizeBytes: number;
  readonly offset: number;
}

/** The VMM's ends of a device's interrupt. */
export interface InterruptEnds {
  /** How often the device raised it since the last time. */
  taken(): bigint;
  /** Tells the device that the guest is done with it. */
  resample(): void;
}

/** A VMM, as far as an exchange makes it act: ours, or another that is driven from outside. */
export interface VmmDriver {
  /** False: the device is gone, and another driver is to be made. */
  readonly isOpen: boolean;
  readConfig(address: number, length: number): Promise<number>;
  writeConfig(access: Omit<ConfigAccess, "command">): Promise<void>;
  readBar(place: BarPlace): Promise<bigint>;
  writeBar(access: Omit<BarAccess, "command">): Promise<void>;
  reset(): Promise<void>;
  /** The first address behind guest memory, below 4 GiB. Memory is there from 0 to 9ffffh and from 100000h to here. */
  readonly memoryEnd: number;
  readMemory(address: number, lengthBytes: number): Promise<Buffer>;
  writeMemory(address: number, bytes: Buffer): Promise<void>;
  /** Null: this VMM does not show them. */
  readonly interrupts: InterruptEnds | null;
  /** Shares memory in other places. Null: this VMM cannot be made to. */
  readonly place: ((places: readonly MemoryPlace[]) => Promise<void>) | null;
}

const MEMORY_BYTES = 0x20_0000;

/** Where it is at first, as on a PC: what lies below the window of a video card, and what lies above 1 MiB. */
export const PC_LAYOUT: readonly MemoryPlace[] = [
  { address: 0, sizeBytes: 0xa_0000, offset: 0 },
  { address: 0x10_0000, sizeBytes: 0x10_0000, offset: 0x10_0000 },
];

/** Our own VMM's side, with guest memory of 2 MiB and two eventfds. */
export class ProxyDriver implements VmmDriver {
  readonly memoryEnd = MEMORY_BYTES;
  readonly interrupts: InterruptEnds;
  readonly #proxy: DeviceProxy;
  readonly #memoryFd: number;
  readonly #irqFd: number;
  readonly #resampleFd: number;
  #places: readonly MemoryPlace[] = [];

  private constructor(proxy: DeviceProxy) {
    this.#proxy = proxy;
    this.#memoryFd = addon.makeSealedMemory({ name: "guest", sizeBytes: BigInt(MEMORY_BYTES) });
    this.#irqFd = addon.makeEventfd();
    this.#resampleFd = addon.makeEventfd();
    this.interrupts = {
      taken: () => addon.takeEventfd({ fd: this.#irqFd }),
      resample: () => addon.signalEventfd({ fd: this.#resampleFd }),
    };
  }

  /** Shares memory and binds the interrupt. The channel is closed with the driver. Throws as DeviceProxy does. */
  static async open(options: ConstructorParameters<typeof DeviceProxy>[0]): Promise<ProxyDriver> {
    const driver = new ProxyDriver(new DeviceProxy(options));
    await driver.place(PC_LAYOUT);
    await driver.#proxy.setInterrupt(driver.#irqFd, driver.#resampleFd);
    return driver;
  }

  get isOpen(): boolean {
    return this.#proxy.isOpen;
  }

  readConfig(address: number, length: number): Promise<number> {
    return this.#proxy.readConfig(address, length);
  }

  writeConfig(access: Omit<ConfigAccess, "command">): Promise<void> {
    return this.#proxy.writeConfig(access);
  }

  readBar(place: BarPlace): Promise<bigint> {
    return this.#proxy.readBar(place);
  }

  writeBar(access: Omit<BarAccess, "command">): Promise<void> {
    return this.#proxy.writeBar(access);
  }

  reset(): Promise<void> {
    return this.#proxy.reset();
  }

  async readMemory(address: number, lengthBytes: number): Promise<Buffer> {
    const bytes = Buffer.alloc(lengthBytes);
    readSync(this.#memoryFd, bytes, 0, lengthBytes, this.#offsetOf(address, lengthBytes));
    return bytes;
  }

  async writeMemory(address: number, bytes: Buffer): Promise<void> {
    writeSync(this.#memoryFd, bytes, 0, bytes.length, this.#offsetOf(address, bytes.length));
  }

  async place(places: readonly MemoryPlace[]): Promise<void> {
    const fd = this.#memoryFd;
    this.#places = places;
    await this.#proxy.shareMemory(
      places.map(({ address, sizeBytes, offset }) => {
        return { address: BigInt(address), sizeBytes: BigInt(sizeBytes), offset: BigInt(offset), fd };
      }),
    );
  }

  close(): void {
    this.#proxy.close();
    for (const fd of [this.#memoryFd, this.#irqFd, this.#resampleFd]) closeSync(fd);
  }

  #offsetOf(address: number, lengthBytes: number): number {
    const place = this.#places.find((one) => address >= one.address && address + lengthBytes <= one.address + one.sizeBytes);
    if (place === undefined) throw new RangeError(`an exchange uses ${lengthBytes} bytes at ${address}, where no memory is`);
    return place.offset + address - place.address;
  }
}
