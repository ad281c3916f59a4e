import { DEFAULT_QEMU } from "../src/index.js";
import { LineProgram } from "./line_program.js";

const MEMORY_BYTES = 64 * 1024 * 1024;
/** Slot 4 of bus 0 in the address port: PCI Local Bus Specification 3.0, 3.2.2.3.2. */
const DEVICE = 0x8000_2000;
const WINDOW = 0xfeb0_0000;
/** BAR 0, the command register, and a scratch register: native/reference_device/device.h. */
const [BAR0, COMMAND, SCRATCH] = [0x10, 0x04, 0x08];
const COMMAND_MEMORY = 2;
const SOME_RAM = 0x1000;
const ROUND_TRIPS = 500;
const US_PER_MS = 1000;

/**
 * Median times, in us, of one read that QEMU is asked for by qtest: of a device's register behind `x-pci-proxy-dev`, and of RAM, which
 * takes the same way but for the device. TCG, whose CPU stays stopped; it takes a QEMU before 8.2. The fd stays the caller's.
 */
export async function measureQemuProxy(channelFd: number): Promise<{ readonly deviceUs: number; readonly ramUs: number }> {
  const qemu = await LineProgram.start(
    [
      ...[DEFAULT_QEMU.program, "-nodefaults", "-no-user-config", "-display", "none", "-S", "-accel", "tcg"],
      ...["-m", `${MEMORY_BYTES >> 20}M`, "-machine", "q35,memory-backend=memory"],
      ...["-object", `memory-backend-memfd,id=memory,size=${MEMORY_BYTES}`, "-qtest", "stdio", "-qtest-log", "none"],
      ...["-device", "x-pci-proxy-dev,id=device,fd=3,addr=4"],
    ],
    [channelFd],
  );
  try {
    const writeConfig = async (register: number, value: number): Promise<void> => {
      await qemu.ask(`outl 0xcf8 0x${(DEVICE + register).toString(16)}`);
      await qemu.ask(`outl 0xcfc 0x${value.toString(16)}`);
    };
    await writeConfig(BAR0, WINDOW);
    await writeConfig(COMMAND, COMMAND_MEMORY);
    const times: Record<"device" | "ram", number[]> = { device: [], ram: [] };
    for (let count = 0; count < ROUND_TRIPS; count += 1) {
      for (const [name, address] of [["device", WINDOW + SCRATCH] as const, ["ram", SOME_RAM] as const]) {
        const startMs = performance.now();
        await qemu.ask(`readl 0x${address.toString(16)}`);
        times[name].push((performance.now() - startMs) * US_PER_MS);
      }
    }
    return { deviceUs: medianOf(times.device), ramUs: medianOf(times.ram) };
  } finally {
    await qemu.kill();
  }
}

function medianOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
