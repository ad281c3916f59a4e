import type { DeviceProgram, DeviceSpec, LayerStatuses } from "../spec/index.js";
import { PROGRAM_FDS } from "./arguments.js";
import type { FdPlan, ProcessPlan } from "./launch_plan.js";
import { planProcessCgroup } from "./limits.js";
import type { DevicePlanInputs } from "./plan_inputs.js";
import { LOGGING_FDS, planConfinement, roleOf } from "./process_confinement.js";
import { roleKey } from "./role_key.js";

/**
 * The process of a device that another program than QEMU emulates. It is given its channel, whose number is its only argument,
 * and nothing else: no monitor, no backend.
 */
export function planProgramDevice(inputs: DevicePlanInputs, device: DeviceSpec, layers: LayerStatuses): ProcessPlan {
  const program = inputs.hostConfig.programs.find(({ file }) => file === device.program);
  if (program === undefined) throw new Error(`the host file permits no program ${device.program}`);
  const role = roleOf(inputs, roleKey(device));
  const channel: FdPlan = {
    fd: PROGRAM_FDS.channel,
    kind: "unix-stream",
    purpose: "proxy/remote channel to the VMM",
    access: "rw",
    source: { from: "channel", device: device.id },
  };
  return {
    id: device.id,
    role: device.role,
    program: program.file,
    argv: programArguments(program),
    ...planConfinement(inputs, { id: device.id, role, accel: "tcg", boot: null, image: "none", fileBytesMax: 0 }),
    fds: [...LOGGING_FDS, channel],
    monitor: [],
    cgroup: planProcessCgroup(inputs, { id: device.id, policy: role.policy, cpus: 1, io: null }),
    layers,
  };
}

function programArguments({ file, interpreter }: DeviceProgram): string[] {
  return [...(interpreter ?? []), file, String(PROGRAM_FDS.channel)];
}
