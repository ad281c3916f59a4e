import { DOORBELL, KvmRig } from "../src/compliance/kvm_rig/index.js";
import { DeviceProxy } from "../src/protocol/index.js";
import { createVmCgroup, openSession, removeCgroup } from "../src/sandbox/index.js";
import type { Benchmark, Result, Workshop } from "./benchmark.js";
import { prepareSubjects, startConfinedProgram } from "./program_process.js";
import { describeSummary, summarize } from "./statistics.js";

const TURNS = 4000;
const US_PER_MS = 1000;
/** Interrupts 0 to 23 are pins of the IO-APIC. */
const MESSAGE_GSI = 24;
const VECTOR = 0x40;
/** Eventfds of the rig. */
const [IRQ, RING] = [0, 1];
const WINDOW = 0xfeb0_0000;
/** BAR 0, the command register, and what raises the line: native/reference_device/device.h. */
const [BAR0, COMMAND, LINE] = [0x10, 0x04, 0x68];
const COMMAND_MEMORY = 2;

/** Counted by the guest, by its time-stamp counter. */
async function run(workshop: Workshop): Promise<Result[]> {
  const parts = await prepareSubjects(workshop, `bench-${process.pid}-paths`);
  const { machine } = parts;
  if (machine.cgroup !== null) createVmCgroup(machine.cgroup);
  const session = openSession(machine);
  const device = await startConfinedProgram(parts, "reference", session);
  session.close();
  const proxy = new DeviceProxy({ fd: device.channelFd, name: "reference" });
  const rig = await KvmRig.start(2);
  try {
    await proxy.writeConfig({ address: BAR0, value: WINDOW, length: 4 });
    await proxy.writeConfig({ address: COMMAND, value: COMMAND_MEMORY, length: 2 });
    await proxy.setInterrupt(rig.eventfd(IRQ), rig.eventfd(RING));
    await rig.run();
    await rig.order(`message ${MESSAGE_GSI} ${VECTOR}`);
    await rig.order(`irq ${KvmRig.fdInRig(IRQ)} ${MESSAGE_GSI} -1`);
    const khz = await rig.order("khz");
    const measure = async (order: "time-exit" | "time-doorbell" | "time-round-trip"): Promise<string> => {
      await rig.guest(order, TURNS);
      return describeSummary(summarize(rig.times(TURNS).map((cycles) => (cycles * US_PER_MS) / khz)), "us", 2);
    };
    const exit = await measure("time-exit");
    await rig.order(`ring port ${DOORBELL.port} 2 ${KvmRig.fdInRig(RING)}`);
    const doorbell = await measure("time-doorbell");
    // From here on the device answers each ring with an interrupt.
    await proxy.writeBar({ address: BigInt(WINDOW + LINE), value: 1n, size: 4, memory: true });
    const roundTrip = await measure("time-round-trip");
    const plainly = (subject: string, measured: string): Result => ({ subject, goal: null, measured, met: null });
    return [
      plainly("guest's port write, exit to user space and back", exit),
      plainly("guest's port write, doorbell to the confined device", doorbell),
      plainly("doorbell, device, interrupt, guest's handler", roundTrip),
    ];
  } finally {
    await rig.end();
    proxy.close();
    await device.end();
    if (machine.cgroup !== null) await removeCgroup(machine.cgroup.path);
  }
}

export const fastPaths: Benchmark = {
  name: "fast-paths",
  summary: "KVM's ioeventfd and irqfd between a guest and a confined device, against the exit to user space",
  run,
};
