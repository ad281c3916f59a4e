import type { KindOf } from "./image_nodes.js";
import type { MonitorCommand } from "./launch_plan.js";
import type { ImageFacts } from "./plan_inputs.js";

/** What a device process is told: its options and `-device` objects, and the monitor commands that attach its backend. */
export interface DeviceWiring {
  /** Arguments that stand before the devices and that they refer to; nothing of the tenant's. */
  readonly options: readonly string[];
  /** In order; the controller first. Given as JSON, so that no character of a name can become an option. */
  readonly devices: readonly Readonly<Record<string, unknown>>[];
  readonly attach: readonly MonitorCommand[];
  /** What a user must know of this model in a device process, as a sentence without a full stop. */
  readonly warning?: string;
}

export interface BackendFacts {
  /** Fd number of the image, tap or serial line in the device process; null where there is none. */
  readonly fd: number | null;
  readonly imageKind: ImageFacts["kind"] | null;
  /** What each file of the disk turned out to be. Default: all as the image. */
  readonly kindOf?: KindOf;
  readonly vm: string;
  /** Where a key of the device stands in the VM file, for messages. */
  readonly locate: (key: string) => string;
}
