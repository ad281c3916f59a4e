import { closeSync, readSync, writeSync } from "node:fs";
import { addon } from "../../kernel/index.js";
import type { DeviceProxy } from "../../protocol/index.js";
import { ACTS_WINDOW } from "./puppet.js";

/** Where the suite puts BAR 0, the reference device's own: native/reference_device/device.h names its registers. */
const DEVICE_WINDOW = 0xfeb0_0000;
const SCRATCH = 0x08;
const DMA_SOURCE = 0x40;
const DMA_DESTINATION = 0x48;
const DMA_LENGTH = 0x50;
const DMA_CONTROL = 0x54;
const DMA_STATUS = 0x58;
const DOORBELL = 0x60;
const RESAMPLES = 0x148;

/** Base address registers, and memory space and bus mastering of the command register: PCI Local Bus Specification 3.0, 6.2. */
const [COMMAND, BAR_0, BAR_1] = [0x04, 0x10, 0x14];
const MEMORY_AND_MASTER = 6;

const GUEST_BYTES = 65_536;
const COPIED_BYTES = 64;
const DESTINATION = 32_768;
/** Longest wait for a resample to be counted, in ms; it takes one turn of the device's loop. */
const RESAMPLE_DEADLINE_MS = 2000;

/** A device's ordinary work, as its VMM sees it: registers, DMA in guest memory, an interrupt and its resample. */
export class DeviceTraffic {
  readonly #proxy: DeviceProxy;
  readonly #memory: number;
  readonly #irq: number;
  readonly #resample: number;
  #round = 0;

  private constructor(proxy: DeviceProxy) {
    this.#proxy = proxy;
    this.#memory = addon.makeSealedMemory({ name: "guest", sizeBytes: BigInt(GUEST_BYTES) });
    this.#irq = addon.makeEventfd();
    this.#resample = addon.makeEventfd();
  }

  /** Programs the device as a guest's firmware does, and gives it memory and its interrupt. */
  static async begin(proxy: DeviceProxy): Promise<DeviceTraffic> {
    const traffic = new DeviceTraffic(proxy);
    await proxy.writeConfig({ address: BAR_0, value: DEVICE_WINDOW, length: 4 });
    await proxy.writeConfig({ address: BAR_1, value: ACTS_WINDOW, length: 4 });
    await proxy.writeConfig({ address: COMMAND, value: MEMORY_AND_MASTER, length: 2 });
    await proxy.shareMemory([{ address: 0n, sizeBytes: BigInt(GUEST_BYTES), offset: 0n, fd: traffic.#memory }]);
    await proxy.setInterrupt(traffic.#irq, traffic.#resample);
    return traffic;
  }

  /** Has the device do all of it once. Returns null when it did, otherwise what it did not. Throws when it does not answer. */
  async check(): Promise<string | null> {
    this.#round += 1;
    const pattern = BigInt(this.#round) * 0x0101_0101n;
    await this.#write(SCRATCH, pattern, 8);
    if ((await this.#read(SCRATCH, 8)) !== pattern) return "a register does not keep what is written to it";
    const rings = await this.#read(DOORBELL, 8);
    await this.#write(DOORBELL, 1n, 4);
    if ((await this.#read(DOORBELL, 8)) !== rings + 1n) return "its doorbell is not heard";
    return (await this.#checkDma()) ?? (await this.#checkResample());
  }

  close(): void {
    for (const fd of [this.#memory, this.#irq, this.#resample]) closeSync(fd);
  }

  async #checkDma(): Promise<string | null> {
    const sent = Buffer.alloc(COPIED_BYTES, this.#round);
    writeSync(this.#memory, sent, 0, COPIED_BYTES, 0);
    await this.#write(DMA_SOURCE, 0n, 8);
    await this.#write(DMA_DESTINATION, BigInt(DESTINATION), 8);
    await this.#write(DMA_LENGTH, BigInt(COPIED_BYTES), 4);
    await this.#write(DMA_CONTROL, 1n, 4);
    const copied = Buffer.alloc(COPIED_BYTES);
    readSync(this.#memory, copied, 0, COPIED_BYTES, DESTINATION);
    if (!copied.equals(sent)) return "its DMA does not reach guest memory";
    return addon.takeEventfd({ fd: this.#irq }) > 0n ? null : "its interrupt does not arrive";
  }

  /** The guest is done with the interrupt while the line is still high: the device raises it again, then the guest clears it. */
  async #checkResample(): Promise<string | null> {
    const before = await this.#read(RESAMPLES, 8);
    addon.signalEventfd({ fd: this.#resample });
    const deadline = Date.now() + RESAMPLE_DEADLINE_MS;
    while ((await this.#read(RESAMPLES, 8)) === before) if (Date.now() > deadline) return "it does not see its resample";
    const again = addon.takeEventfd({ fd: this.#irq }) > 0n;
    await this.#write(DMA_STATUS, 3n, 4);
    return again ? null : "it does not raise its interrupt again";
  }

  #write(register: number, value: bigint, size: number): Promise<void> {
    return this.#proxy.writeBar({ address: BigInt(DEVICE_WINDOW + register), value, size, memory: true });
  }

  #read(register: number, size: number): Promise<bigint> {
    return this.#proxy.readBar({ address: BigInt(DEVICE_WINDOW + register), size, memory: true });
  }
}
