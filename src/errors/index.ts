export { BulkheadError, EXIT, type ExitCode, type Failure, wordFailure } from "./bulkhead_error.js";
export {
  ComplianceInputError,
  HostError,
  IntrusionError,
  KernelError,
  MachineError,
  PlanError,
  PolicyError,
  ProtocolError,
  RemoteError,
  SandboxError,
  SeccompError,
  SeccompInputError,
  SelinuxError,
  SelinuxInputError,
  SpecError,
  StateError,
} from "./stage_errors.js";
