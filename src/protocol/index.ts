export { type CommandLine, CommandStarter } from "./conformance/command_process.js";
export type { ConformanceResult } from "./conformance/exchange.js";
export { EXCHANGES, playExchanges } from "./conformance/play_exchanges.js";
export {
  playVmmCases,
  type StartVmm,
  type VmmOptions,
  type VmmOutcome,
  type VmmProcess,
  wordVmmOutcome,
} from "./conformance/play_vmm_cases.js";
export { playVmmStart, type VmmStart, type VmmStartOptions } from "./conformance/play_vmm_start.js";
export {
  type DeviceProcess,
  playWireCases,
  type WireOptions,
  type WireOutcome,
  wordExpected,
  wordOutcome,
} from "./conformance/play_wire_cases.js";
export type { ProcessEnd } from "./conformance/process_end.js";
export { QtestDriver } from "./conformance/qtest_driver.js";
export { type ConformanceRequest, runConformance } from "./conformance/run_conformance.js";
export { VMM_CASES } from "./conformance/vmm_cases.js";
export { ProxyDriver, type VmmDriver } from "./conformance/vmm_driver.js";
export { WIRE_CASES } from "./conformance/wire_cases.js";
export { GuestMemory } from "./memory/guest_memory.js";
export { MemoryView } from "./memory/memory_view.js";
export { type BarPlace, DeviceProxy, type DeviceProxyOptions, type SharedRegion } from "./proxy/device_proxy.js";
export { type ProbedDevice, type ProbedRegion, probeDevice } from "./proxy/probe.js";
export { describeMessage, formatRecord, parseRecording, type RecordedMessage } from "./recording/record.js";
export { type Difference, replayRecording } from "./recording/replay.js";
export type { BarWindow, DeviceContext, PciDevice, PciIds } from "./remote/device.js";
export type { DeviceMemory } from "./remote/device_memory.js";
export type { InterruptLine } from "./remote/interrupt_line.js";
export { Remote, type RemoteOptions } from "./remote/remote.js";
export type { BarAccess, ConfigAccess, Message, Region, Request, Strictness } from "./wire/message.js";
