import { SpecError } from "../errors/index.js";
import { quoteValue } from "../text/index.js";
import type { HostConfig } from "./host_config.js";
import { DEFAULT_HOST_FILE } from "./host_file.js";
import { formatSize } from "./size.js";
import { tapIsPermitted } from "./tap_pattern.js";
import type { VmSpec } from "./vm_spec.js";

/**
 * Refuses a VM that asks for more than the host file permits: memory, processes, taps, slots for hot-plug, programs. Throws SpecError "host-forbids" with the
 * place in the VM file and the key of the host file, for all of them at once. Image roots are held when files are opened.
 */
export function checkAgainstHost(vm: VmSpec, host: HostConfig): void {
  const finders = [findMemoryExcess, findProcessExcess, findForbiddenTaps, findForbiddenSlots, findForbiddenPrograms];
  const excesses = finders.flatMap((find) => find(vm, host));
  if (excesses.length === 0) return;
  const remedy = "Ask for less, or have the administrator change the host file.";
  throw new SpecError({ code: "host-forbids", tried: excesses.join("\n"), subject: vm.source.file, remedy });
}

function findMemoryExcess(vm: VmSpec, host: HostConfig): string[] {
  const { memoryBytes } = vm.machine;
  const { memoryPerVmBytes } = host.limits;
  if (memoryBytes <= memoryPerVmBytes) return [];
  const place = vm.source.locate(["machine", "memory"]);
  const limit = `${formatSize(memoryPerVmBytes)} per VM (${nameHostKey(host, ["limits", "memoryPerVm"])})`;
  return [`${place}: machine.memory is ${formatSize(memoryBytes)}; this host permits ${limit}`];
}

function findProcessExcess(vm: VmSpec, host: HostConfig): string[] {
  // One for each device, and the VMM.
  const processes = vm.devices.length + 1;
  if (processes <= host.limits.processesPerVm) return [];
  const limit = `${host.limits.processesPerVm} per VM (${nameHostKey(host, ["limits", "processesPerVm"])})`;
  return [
    `${vm.source.locate(["devices"])}: ${vm.devices.length} devices and the VMM are ${processes} processes; this host permits ${limit}`,
  ];
}

function findForbiddenTaps(vm: VmSpec, host: HostConfig): string[] {
  return vm.devices.flatMap(({ net }, index) => {
    if (net?.kind !== "tap" || tapIsPermitted(net.tap, host.taps)) return [];
    const place = vm.source.locate(["devices", index, "net", "tap"]);
    const permitted = host.taps.length === 0 ? "none" : host.taps.join(", ");
    return [
      `${place}: this host does not permit the tap ${quoteValue(net.tap)}, only ${permitted} (${nameHostKey(host, ["taps"])})`,
    ];
  });
}

/** Each slot is one more device that the VMM emulates: a tenant's file must not decide how much there is to attack. */
function findForbiddenSlots(vm: VmSpec, host: HostConfig): string[] {
  if (vm.machine.hotPlugSlots === undefined || host.hotPlug) return [];
  const place = vm.source.locate(["machine", "hotPlugSlots"]);
  return [`${place}: this host does not permit machine.hotPlugSlots (${nameHostKey(host, ["hotPlug"])})`];
}

/** A program runs in the roles that were written for it: a VM file must not choose a wider one. */
function findForbiddenPrograms(vm: VmSpec, host: HostConfig): string[] {
  return vm.devices.flatMap(({ program, role }, index) => {
    if (program === undefined) return [];
    const known = host.programs.find(({ file }) => file === program);
    if (known?.roles.includes(role) === true) return [];
    const key = nameHostKey(host, ["programs"]);
    if (known !== undefined) {
      const place = vm.source.locate(["devices", index, "role"]);
      return [`${place}: this host permits ${quoteValue(program)} in the role ${known.roles.join(" or ")} only (${key})`];
    }
    const place = vm.source.locate(["devices", index, "program"]);
    const permitted = host.programs.length === 0 ? "none" : `only ${host.programs.map(({ file }) => file).join(", ")}`;
    return [`${place}: this host does not permit the program ${quoteValue(program)}, ${permitted} (${key})`];
  });
}

function nameHostKey(host: HostConfig, path: readonly string[]): string {
  return host.source === null
    ? `${path.join(".")}, built in as ${DEFAULT_HOST_FILE} does not exist`
    : `${path.join(".")}, ${host.source.locate(path)}`;
}
