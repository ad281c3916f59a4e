import { PlanError } from "../errors/index.js";
import { type DeviceSpec, VMM_ID } from "../spec/index.js";
import { hotPlugBus } from "./arguments.js";
import { requireHostCapacity } from "./host_capacity.js";
import type { FdPlan, LaunchPlan, MonitorCommand, ProcessPlan } from "./launch_plan.js";
import { judgeLayers } from "./layers.js";
import { sumVmCgroup } from "./limits.js";
import { planImageJudges } from "./plan_image_judges.js";
import type { DevicePlanInputs } from "./plan_inputs.js";
import { planDevice } from "./plan_launch.js";
import { roleOf } from "./process_confinement.js";
import { requireTcgDevices } from "./tcg_devices.js";

/** What adding a device to a running VM will do. */
export interface AddedDevicePlan {
  /** The VM with the device: its process, its channel among the VMM's fds, the VM's limits. */
  readonly plan: LaunchPlan;
  readonly process: ProcessPlan;
  /** Those that judge the device's qcow2 images before its process is started. */
  readonly judges: readonly ProcessPlan[];
  /** What the VMM is told once it has its end of the channel under the device's id. */
  readonly join: MonitorCommand;
}

/**
 * Plans a device process for a VM that runs, by the same rules as its first ones. `inputs.spec` names the device already;
 * pure as planLaunch. Throws PlanError "hot-plug-slots-exhausted", "tcg-crashes" and "beyond-host".
 */
export function planAddedDevice(inputs: DevicePlanInputs, running: LaunchPlan, device: DeviceSpec): AddedDevicePlan {
  const { accel, accelWhy } = running.machine;
  if (accel === "tcg") requireTcgDevices(inputs.spec, { accelWhy, version: roleOf(inputs, VMM_ID).inventory.version });
  requireHostCapacity(inputs.spec, inputs.facts);
  const slot = requireHotPlugSlot(running, device.id);
  const layers = judgeLayers(inputs.facts);
  const process = { ...planDevice(inputs, device, layers), hotPlugSlot: slot };
  const others = running.processes.filter(({ id }) => id !== VMM_ID);
  const vmm = running.processes.filter(({ id }) => id === VMM_ID).map((plan) => withChannel(plan, device.id));
  const processes = [...others, process, ...vmm];
  return {
    plan: withProcesses(running, processes),
    process,
    judges: planImageJudges({ ...inputs, spec: { ...inputs.spec, devices: [device] } }, layers),
    join: {
      execute: "device_add",
      arguments: { driver: "x-pci-proxy-dev", id: device.id, fd: device.id, bus: hotPlugBus(slot) },
    },
  };
}

/** The VM without a device that was added before. */
export function planWithoutDevice(running: LaunchPlan, id: string): LaunchPlan {
  const processes = running.processes
    .filter((process) => process.id !== id)
    .map((process) => ({
      ...process,
      fds: process.fds.filter(({ source }) => source.from !== "channel" || source.device !== id),
    }));
  return withProcesses(running, processes);
}

function withProcesses(running: LaunchPlan, processes: readonly ProcessPlan[]): LaunchPlan {
  const { cgroup, machine } = running;
  return { ...running, processes, cgroup: cgroup === null ? null : sumVmCgroup(cgroup, machine.memoryBytes, processes) };
}

/** Fd numbers name places of the manifest; QEMU gives a descriptor that it receives whatever number is free. */
function withChannel(vmm: ProcessPlan, device: string): ProcessPlan {
  const fd = Math.max(...vmm.fds.map((one) => one.fd)) + 1;
  const source = { from: "channel", device } as const;
  const channel: FdPlan = { fd, kind: "unix-stream", purpose: `proxy/remote channel to ${device}`, access: "rw", source };
  return { ...vmm, fds: [...vmm.fds, channel] };
}

/** The first free slot of a VM that runs. Throws PlanError "hot-plug-slots-exhausted". */
export function requireHotPlugSlot(running: LaunchPlan, device: string): number {
  const slots = running.machine.hotPlugSlots ?? 0;
  const taken = running.processes.map(({ hotPlugSlot }) => hotPlugSlot);
  const free = Array.from({ length: slots }, (_, slot) => slot).find((slot) => !taken.includes(slot));
  if (free !== undefined) return free;
  throw new PlanError({
    code: "hot-plug-slots-exhausted",
    tried: `Cannot add device "${device}" to VM "${running.vm}"`,
    subject: device,
    answer: slots === 0 ? "the VM has no hot-plug slots" : `all of its ${slots} hot-plug slots are taken`,
    remedy: slots === 0 ? "Say `hotPlugSlots: N` under `machine` in its VM file and start it anew." : "Remove a device first.",
  });
}
