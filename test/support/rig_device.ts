import { type KvmRig, MAIN_BYTES, MOVABLE_BYTES } from "../../src/compliance/kvm_rig/index.js";
import { addon } from "../../src/kernel/index.js";
import { DeviceProxy, type SharedRegion } from "../../src/protocol/index.js";
import type { MachineFixture } from "./machine_fixture.js";
import { type ConfinedDevice, startConfinedDevice } from "./protocol/confined_device.js";

/** Where its window is, as a firmware would place it; no guest of the rig reaches it. */
const WINDOW = 0xfeb0_0000;
const COMMAND_MEMORY_AND_MASTER = 6;
/** Registers: native/reference_device/device.h. */
const REGISTER = { source: 0x40, destination: 0x48, length: 0x50, control: 0x54, status: 0x58, line: 0x68, resamples: 0x148 };
const [COPIED, FAILED] = [1n, 2n];

/** The reference device, confined, as the device of a rig. */
export class RigDevice {
  readonly confined: ConfinedDevice;
  readonly proxy: DeviceProxy;

  private constructor(confined: ConfinedDevice) {
    this.confined = confined;
    this.proxy = new DeviceProxy({ fd: confined.channelFd, name: "reference", deadlineMs: 15_000 });
  }

  static async start(fixture: MachineFixture, name: string): Promise<RigDevice> {
    return new RigDevice(await startConfinedDevice(fixture, name));
  }

  /** What a firmware does: its window, and the rights of its command register. */
  async place(): Promise<void> {
    await this.proxy.writeConfig({ address: 0x10, value: WINDOW, length: 4 });
    await this.proxy.writeConfig({ address: 4, value: COMMAND_MEMORY_AND_MASTER, length: 2 });
  }

  /** The rig's memory, with its second region at `movableAddress`. */
  shareMemory(rig: KvmRig, movableAddress: number = MAIN_BYTES): Promise<void> {
    const regions: SharedRegion[] = [
      { address: 0n, sizeBytes: BigInt(MAIN_BYTES), offset: 0n, fd: rig.memoryFd },
      { address: BigInt(movableAddress), sizeBytes: BigInt(MOVABLE_BYTES), offset: BigInt(MAIN_BYTES), fd: rig.memoryFd },
    ];
    return this.proxy.shareMemory(regions);
  }

  /** `wake` is what it waits for besides its channel: a resamplefd, or an eventfd that a guest's write rings. */
  setInterrupt(rig: KvmRig, fds: { readonly irq: number; readonly wake: number }): Promise<void> {
    return this.proxy.setInterrupt(rig.eventfd(fds.irq), rig.eventfd(fds.wake));
  }

  raise(high: boolean): Promise<void> {
    return this.#write(REGISTER.line, high ? 1n : 0n);
  }

  /** How often what it waits for was signalled. */
  resamples(): Promise<bigint> {
    return this.proxy.readBar({ address: BigInt(WINDOW + REGISTER.resamples), size: 8, memory: true });
  }

  /** One round trip: when it is answered, all that was asked before has been done. */
  async settle(): Promise<void> {
    await this.proxy.readConfig(0, 2);
  }

  /** Copies guest memory by DMA; false when the device found no memory there. The interrupt that it raises is taken back. */
  async copy(source: number, destination: number, lengthBytes: number): Promise<boolean> {
    await this.#write(REGISTER.source, BigInt(source), 8);
    await this.#write(REGISTER.destination, BigInt(destination), 8);
    await this.#write(REGISTER.length, BigInt(lengthBytes));
    await this.#write(REGISTER.control, 1n);
    const status = await this.proxy.readBar({ address: BigInt(WINDOW + REGISTER.status), size: 4, memory: true });
    await this.#write(REGISTER.status, COPIED | FAILED);
    return status === COPIED;
  }

  /** Ends it in order. */
  async end(): Promise<void> {
    this.proxy.close();
    await this.confined.ended;
    await this.confined.remove();
  }

  /** Ends it as a crash would; resolves when its VMM has seen that. */
  async die(): Promise<void> {
    this.confined.kill();
    await this.confined.ended;
    await this.proxy.ended;
    await this.confined.remove();
  }

  async #write(register: number, value: bigint, size = 4): Promise<void> {
    await this.proxy.writeBar({ address: BigInt(WINDOW + register), value, size, memory: true });
  }
}

/** Interrupts that an eventfd counts and nobody has taken. */
export function pendingOf(rig: KvmRig, index: number): bigint {
  return addon.takeEventfd({ fd: rig.eventfd(index) });
}
