import { PlanError } from "../errors/index.js";
import { type DeviceSpec, type LayerStatuses, requiredLayers, VMM_ID } from "../spec/index.js";
import { DEVICE_FDS, deviceArguments, requirePciSlots, VMM_FDS, vmmArguments } from "./arguments.js";
import { wireDevice } from "./device_wiring.js";
import { orderForFirmware } from "./firmware_order.js";
import { planLandlock } from "./landlock.js";
import type { FdPlan, LaunchPlan, MachinePlan, NamespaceName, ProcessPlan } from "./launch_plan.js";
import { planLauncher } from "./launcher.js";
import { judgeLayers, requireLayers } from "./layers.js";
import { planIoLimit, planLimits, planProcessCgroup, planVmCgroup } from "./limits.js";
import type { Identity, PlanInputs, RoleInputs } from "./plan_inputs.js";
import { planNodes, planRoot } from "./root_plan.js";
import { syscallNames } from "./syscall_names.js";
import { requireTcgDevices } from "./tcg_devices.js";

/** One malloc arena: with several, glibc reads /proc/sys/vm/overcommit_memory when a thread's heap shrinks, and there is no /proc. */
const ENVIRONMENT = { MALLOC_ARENA_MAX: "1" };
const NAMESPACES: readonly NamespaceName[] = ["user", "mount", "pid", "net", "ipc", "uts", "cgroup"];
/** What a process creates is nobody else's: no bits for group and others. */
const UMASK = 0o077;
/** The same for all, so that no name of the host or of the VM shows. */
const HOST_NAME = "bulkhead";

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
  requirePciSlots(spec);
  const devices = orderForFirmware(spec);
  const processes = [
    ...devices.map((device) => planDevice(inputs, device, layers)),
    planVmm(inputs, { devices, machine, layers }),
  ];
  const policies = processes.map((process) => roleOf(inputs, process.role).policy);
  const cgroup = planVmCgroup(inputs, policies);
  return {
    schemaVersion: 1,
    vm: spec.name,
    machine,
    processes,
    launcher: planLauncher(inputs.launcher, { vm: spec.name, landlockAbi: inputs.facts.landlockAbi, cgroup }),
    cgroup,
    onDeviceExit: spec.onDeviceExit,
    hangDeadlineMs: spec.hangDeadlineMs,
    shutdownGraceMs: spec.shutdownGraceMs,
  };
}

function planMachine(inputs: PlanInputs): MachinePlan {
  const { machine, console } = inputs.spec;
  return { ...chooseAccel(inputs), memoryBytes: machine.memoryBytes, cpus: machine.cpus, serial: console.serial };
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

function roleOf(inputs: PlanInputs, role: string): RoleInputs {
  const found = inputs.roles.get(role);
  if (found === undefined) throw new Error(`no policy was resolved for role ${role}`);
  return found;
}

function identityOf(inputs: PlanInputs, id: string): Identity {
  const found = inputs.identities.get(id);
  if (found === undefined) throw new Error(`no identity was drawn for process ${id}`);
  return found;
}

/** What devices and the VMM have in common. */
function planConfinement(
  inputs: PlanInputs,
  process: { id: string; role: RoleInputs; accel: "kvm" | "tcg"; boot: { kernel: string; initrd: string | null } | null },
) {
  const { role } = process;
  const { policy, filter } = role;
  const nodes = planNodes(policy, process.accel);
  const granted = {
    ...role,
    policy: { ...policy, nodes: policy.nodes.filter((node) => nodes.some(({ name }) => name === node.name)) },
  };
  return {
    env: ENVIRONMENT,
    ...identityOf(inputs, process.id),
    umask: UMASK,
    hostName: HOST_NAME,
    namespaces: NAMESPACES,
    capabilities: [],
    noNewPrivs: true as const,
    selfMade: policy.selfMade.map(({ kind, max }) => ({ kind, max })),
    attach: [],
    root: planRoot(role, inputs.rootsDirectory, process.boot),
    nodes,
    seccomp: {
      start: syscallNames(policy.seccomp.start, policy.seccomp.run),
      run: syscallNames(policy.seccomp.run, []),
      instructions: filter.instructions,
      sha256: filter.sha256,
      generator: filter.generator,
      generatorWhy: filter.generatorWhy,
    },
    landlock: planLandlock(inputs.facts.landlockAbi, granted, process.boot !== null),
    limits: planLimits(policy),
    selinux: null,
  };
}

const STANDARD_FDS: readonly FdPlan[] = [
  { fd: 0, kind: "null", purpose: "standard input", access: "r", source: { from: "null" } },
  { fd: 1, kind: "pipe", purpose: "log", access: "w", source: { from: "log" } },
  { fd: 2, kind: "pipe", purpose: "log", access: "w", source: { from: "log" } },
  { fd: DEVICE_FDS.monitor, kind: "unix-stream", purpose: "monitor", access: "rw", source: { from: "monitor" } },
];

function planDevice(inputs: PlanInputs, device: DeviceSpec, layers: LayerStatuses): ProcessPlan {
  const role = roleOf(inputs, device.role);
  const backend = planBackend(inputs, device);
  const image = inputs.images.get(device.id);
  const { name, source, devices } = inputs.spec;
  const locate = (key: string): string => source.locate(["devices", devices.indexOf(device), key]);
  const wiring = wireDevice(device, { fd: backend?.fd ?? null, imageKind: image?.kind ?? null, vm: name, locate });
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
    ...planConfinement(inputs, { id: device.id, role, accel: "tcg", boot: null }),
    fds: [...STANDARD_FDS, channel, ...(backend === null ? [] : [backend])],
    monitor: [...wiring.attach, { execute: "x-exit-preconfig" }],
    ...(device.watchdog === null ? {} : { onWatchdog: device.watchdog.action }),
    ...(wiring.warning === undefined ? {} : { warning: wiring.warning }),
    cgroup: planProcessCgroup(inputs, { id: device.id, policy: role.policy, cpus: 1, io: planIoLimit(device, image) }),
    layers,
  };
}

function planBackend(inputs: PlanInputs, device: DeviceSpec): FdPlan | null {
  if (device.disk !== null) {
    const image = inputs.images.get(device.id);
    if (image === undefined) throw new Error(`no image was opened for device ${device.id}`);
    const access = device.disk.readOnly ? "r" : "rw";
    const source = { from: "image", device: device.id, path: image.path } as const;
    return { fd: DEVICE_FDS.backend, kind: image.kind, purpose: `image of ${device.id}`, access, source };
  }
  if (device.serial !== null) {
    const source = { from: "serial" } as const;
    return { fd: DEVICE_FDS.backend, kind: "unix-stream", purpose: `serial line of ${device.id}`, access: "rw", source };
  }
  if (device.net?.kind !== "tap") return null;
  const source = { from: "tap", name: device.net.tap } as const;
  return { fd: DEVICE_FDS.backend, kind: "tap", purpose: `tap ${device.net.tap}`, access: "rw", source };
}

function planVmm(
  inputs: PlanInputs,
  vm: { readonly devices: readonly DeviceSpec[]; readonly machine: MachinePlan; readonly layers: LayerStatuses },
): ProcessPlan {
  const { spec } = inputs;
  const role = roleOf(inputs, VMM_ID);
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
    ...planConfinement(inputs, { id: VMM_ID, role, accel: vm.machine.accel, boot }),
    fds: [...STANDARD_FDS, ...serial, ...channels],
    monitor: [],
    // One more than the guest's: the main loop and the vCPUs do not starve each other.
    cgroup: planProcessCgroup(inputs, { id: VMM_ID, policy: role.policy, cpus: spec.machine.cpus + 1, io: null }),
    layers: vm.layers,
  };
}
