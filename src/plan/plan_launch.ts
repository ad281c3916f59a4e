import { PlanError } from "../errors/index.js";
import { type DeviceSpec, isModelled, type LayerStatuses, type ModelledDevice, requiredLayers, VMM_ID } from "../spec/index.js";
import { DEVICE_FDS, deviceArguments, requirePciSlots, VMM_FDS, vmmArguments } from "./arguments.js";
import { planFileSize } from "./file_size_limit.js";
import { orderForFirmware } from "./firmware_order.js";
import { requireHostCapacity } from "./host_capacity.js";
import { dataKey, imageKey, planImageFds } from "./image_nodes.js";
import type { FdPlan, LaunchPlan, MachinePlan, ProcessPlan } from "./launch_plan.js";
import { planLauncher } from "./launcher.js";
import { judgeLayers, requireLayers } from "./layers.js";
import { planIoLimit, planProcessCgroup, planVmCgroup } from "./limits.js";
import { planImageJudges } from "./plan_image_judges.js";
import type { DevicePlanInputs, PlanInputs } from "./plan_inputs.js";
import { planProgramDevice } from "./plan_program_device.js";
import { planConfinement, roleOf, STANDARD_FDS } from "./process_confinement.js";
import { roleKey } from "./role_key.js";
import { requireTcgDevices } from "./tcg_devices.js";
import { wireDevice } from "./wire_device.js";

/** PAGE_SIZE of x86-64: arch/x86/include/asm/page_types.h. */
const PAGE_BYTES = 4096;

/**
 * Computes what a launch will do. Pure: reads nothing, draws nothing, starts nothing.
 * Throws HostError "layer-unavailable" when a required layer cannot be fully enforced, PlanError for a machine that cannot be.
 */
export function planLaunch(inputs: PlanInputs): LaunchPlan {
  const { spec } = inputs;
  const layers = judgeLayers(inputs.facts);
  requireLayers(layers, requiredLayers(spec, inputs.hostConfig));
  const machine = planMachine(inputs);
  const { accelWhy } = machine;
  if (machine.accel === "tcg") requireTcgDevices(spec, { accelWhy, version: roleOf(inputs, VMM_ID).inventory.version });
  requireHostCapacity(spec, inputs.facts);
  requirePciSlots(spec);
  const devices = orderForFirmware(spec);
  const processes = [
    ...devices.map((device) => planDevice(inputs, device, layers)),
    planVmm(inputs, { devices, machine, layers }),
  ];
  const policies = processes.map((process) => roleOf(inputs, roleKey(process)).policy);
  const cgroup = planVmCgroup(inputs, policies);
  const labelled = processes.some(({ selinux }) => selinux !== null);
  return {
    schemaVersion: 1,
    vm: spec.name,
    machine,
    judges: planImageJudges(inputs, layers),
    processes,
    launcher: planLauncher(inputs.launcher, { vm: spec.name, landlockAbi: inputs.facts.landlockAbi, cgroup, labelled }),
    cgroup,
    onDeviceExit: spec.onDeviceExit,
    hangDeadlineMs: spec.hangDeadlineMs,
    shutdownGraceMs: spec.shutdownGraceMs,
  };
}

function planMachine(inputs: PlanInputs): MachinePlan {
  const { machine, console } = inputs.spec;
  const { memoryBytes, cpus, hotPlugSlots } = machine;
  const slots = hotPlugSlots === undefined ? {} : { hotPlugSlots };
  return { ...chooseAccel(inputs), memoryBytes, cpus, serial: console.serial, ...slots };
}

function chooseAccel(inputs: PlanInputs): { accel: "kvm" | "tcg"; accelWhy: string } {
  const asked = inputs.spec.machine.accel;
  const { kvm } = inputs.facts;
  if (asked === "tcg") return { accel: "tcg", accelWhy: "the VM file asks for it" };
  if (kvm.available)
    return { accel: "kvm", accelWhy: asked === "kvm" ? "the VM file asks for it" : "guest code runs in KVM on this host" };
  if (asked === "auto") return { accel: "tcg", accelWhy: `KVM does not work on this host: ${kvm.why}` };
  throw new PlanError({
    code: "kvm-unavailable",
    tried: `Cannot run VM "${inputs.spec.name}" with KVM`,
    subject: inputs.spec.source.locate(["machine", "accel"]),
    answer: kvm.why,
    remedy: "Say `accel: auto` to fall back to TCG, or make /dev/kvm work.",
  });
}

/** The process of one device. */
export function planDevice(inputs: DevicePlanInputs, device: DeviceSpec, layers: LayerStatuses): ProcessPlan {
  return isModelled(device) ? planModelledDevice(inputs, device, layers) : planProgramDevice(inputs, device, layers);
}

function planModelledDevice(inputs: DevicePlanInputs, device: ModelledDevice, layers: LayerStatuses): ProcessPlan {
  const role = roleOf(inputs, device.role);
  const backends = planBackends(inputs, device);
  const image = inputs.images.get(imageKey(device.id, 0));
  // What the guest reads and writes.
  const data = inputs.images.get(dataKey(device.id, 0)) ?? image;
  const { name, source, devices } = inputs.spec;
  // Of a qcow2 image not yet known: withJudgedFileSize() sets it.
  const fileBytesMax = planFileSize(device, inputs.images);
  const wiring = wireDevice(device, {
    fd: backends[0]?.fd ?? null,
    imageKind: image?.kind ?? null,
    kindOf: (key) => inputs.images.get(key)?.kind ?? "file",
    vm: name,
    locate: (key) => source.locate(["devices", devices.indexOf(device), key]),
  });
  const channel: FdPlan = {
    fd: DEVICE_FDS.channel,
    kind: "unix-stream",
    purpose: "proxy/remote channel to the VMM",
    access: "rw",
    source: { from: "channel", device: device.id },
  };
  return {
    id: device.id,
    role: device.role,
    argv: deviceArguments(role.inventory.program, device, wiring),
    ...planConfinement(inputs, { id: device.id, role, accel: "tcg", boot: null, image: imageUse(device), fileBytesMax }),
    fds: [...STANDARD_FDS, channel, ...backends],
    monitor: [...wiring.attach, { execute: "x-exit-preconfig" }],
    ...(device.watchdog === null ? {} : { onWatchdog: device.watchdog.action }),
    ...(wiring.warning === undefined ? {} : { warning: wiring.warning }),
    cgroup: planProcessCgroup(inputs, { id: device.id, policy: role.policy, cpus: 1, io: planIoLimit(device, data) }),
    layers,
  };
}

function imageUse({ disk }: DeviceSpec): "none" | "write" | "read" {
  if (disk === null) return "none";
  return disk.readOnly ? "read" : "write";
}

function planBackends(inputs: DevicePlanInputs, device: DeviceSpec): FdPlan[] {
  const fd = DEVICE_FDS.backend;
  if (device.disk !== null) return planImageFds(device, inputs.images, fd);
  if (device.serial !== null) {
    const source = { from: "serial" } as const;
    return [{ fd, kind: "unix-stream", purpose: `serial line of ${device.id}`, access: "rw", source }];
  }
  if (device.net?.kind !== "tap") return [];
  const source = { from: "tap", name: device.net.tap } as const;
  return [{ fd, kind: "tap", purpose: `tap ${device.net.tap}`, access: "rw", source }];
}

function planVmm(
  inputs: PlanInputs,
  vm: { readonly devices: readonly DeviceSpec[]; readonly machine: MachinePlan; readonly layers: LayerStatuses },
): ProcessPlan {
  const { spec } = inputs;
  const role = roleOf(inputs, VMM_ID);
  // The memfd of guest memory, in whole pages; the VMM writes no file.
  const fileBytesMax = Math.ceil(spec.machine.memoryBytes / PAGE_BYTES) * PAGE_BYTES;
  const boot = spec.boot?.kind === "kernel" ? inputs.bootFiles : null;
  const serial: FdPlan[] =
    spec.console.serial.kind === "none"
      ? []
      : [{ fd: VMM_FDS.serial, kind: "unix-stream", purpose: "serial console", access: "rw", source: { from: "serial" } }];
  const channels = vm.devices.map((device, index): FdPlan => {
    const fd = VMM_FDS.serial + serial.length + index;
    const source = { from: "channel", device: device.id } as const;
    return { fd, kind: "unix-stream", purpose: `proxy/remote channel to ${device.id}`, access: "rw", source };
  });
  return {
    id: VMM_ID,
    role: VMM_ID,
    argv: vmmArguments({
      program: role.inventory.program,
      spec,
      accel: vm.machine.accel,
      channels: channels.map((channel, index) => ({ device: vm.devices[index] as DeviceSpec, fd: channel.fd })),
    }),
    ...planConfinement(inputs, { id: VMM_ID, role, accel: vm.machine.accel, boot, image: "none", fileBytesMax }),
    fds: [...STANDARD_FDS, ...serial, ...channels],
    monitor: [],
    // One more than the guest's: the main loop and the vCPUs do not starve each other.
    cgroup: planProcessCgroup(inputs, { id: VMM_ID, policy: role.policy, cpus: spec.machine.cpus + 1, io: null }),
    layers: vm.layers,
  };
}
