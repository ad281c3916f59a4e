export { GuestMemory } from "./memory/guest_memory.js";
export { MemoryView } from "./memory/memory_view.js";
export { type BarPlace, DeviceProxy, type DeviceProxyOptions, type SharedRegion } from "./proxy/device_proxy.js";
export { type ProbedDevice, type ProbedRegion, probeDevice } from "./proxy/probe.js";
export type { BarWindow, DeviceContext, PciDevice, PciIds } from "./remote/device.js";
export type { DeviceMemory } from "./remote/device_memory.js";
export type { InterruptLine } from "./remote/interrupt_line.js";
export { Remote, type RemoteOptions } from "./remote/remote.js";
export type { BarAccess, ConfigAccess, Message, Region, Request, Strictness } from "./wire/message.js";
