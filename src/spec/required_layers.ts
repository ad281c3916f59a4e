import type { HostConfig } from "./host_config.js";
import { LAYERS, type Layer } from "./layer.js";
import type { VmSpec } from "./vm_spec.js";

/** The layers that must be fully enforced: the host's floor and what the VM file adds. A VM file can only tighten. In the order of LAYERS. */
export function requiredLayers(vm: VmSpec, host: HostConfig): readonly Layer[] {
  return LAYERS.filter((layer) => host.require.includes(layer) || vm.require.includes(layer));
}
