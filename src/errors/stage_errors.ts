import { BulkheadError, EXIT, type ExitCode, type Failure } from "./bulkhead_error.js";

/** The VM file, the host file or a command-line argument asks for something that cannot be. */
export class SpecError extends BulkheadError {
  readonly exitCode: ExitCode = EXIT.badInput;
}

/** A role policy is malformed, incomplete or does not fit what it is asked to serve. */
export class PolicyError extends BulkheadError {
  readonly exitCode: ExitCode = EXIT.badInput;
}

/** This host lacks something that is needed: a kernel feature, a program, a permission. */
export class HostError extends BulkheadError {
  readonly exitCode: ExitCode = EXIT.hostCannot;
}

/** A system call of ours failed, or the native addon refused its arguments. */
export class KernelError extends BulkheadError {
  readonly exitCode: ExitCode = EXIT.hostCannot;
}

/** A seccomp filter could not be built, proved or read. */
export class SeccompError extends BulkheadError {
  readonly exitCode: ExitCode = EXIT.hostCannot;
}

/** A seccomp policy, program or listing that was handed in is malformed or cannot be expressed as asked. */
export class SeccompInputError extends BulkheadError {
  readonly exitCode: ExitCode = EXIT.badInput;
}

/** A SELinux question has no answer: a policy, a class or a context that does not exist. */
export class SelinuxError extends BulkheadError {
  readonly exitCode: ExitCode = EXIT.hostCannot;
}

/** A SELinux policy, context, class or permission that was handed in does not exist or cannot be read. */
export class SelinuxInputError extends BulkheadError {
  readonly exitCode: ExitCode = EXIT.badInput;
}

/** No plan satisfies what was asked: the floor of layers, the limits, the machine's shape. */
export class PlanError extends BulkheadError {
  readonly exitCode: ExitCode = EXIT.badInput;
}

/** A run record, reservation or journal is missing, busy or damaged. */
export class StateError extends BulkheadError {
  readonly exitCode: ExitCode = EXIT.hostCannot;
}

/** A confined process could not be started, or what was observed of it differs from its plan. */
export class SandboxError extends BulkheadError {
  readonly exitCode: ExitCode = EXIT.hostCannot;
}

/** The proxy/remote wire carried something that the protocol does not allow. */
export class ProtocolError extends BulkheadError {
  readonly exitCode: ExitCode = EXIT.hostCannot;
}

/** A recording, or a program to talk to, that was handed in cannot be read or started. */
export class ProtocolInputError extends BulkheadError {
  readonly exitCode: ExitCode = EXIT.badInput;
}

/** A VM could not be brought up, talked to or ended in order. */
export class MachineError extends BulkheadError {
  readonly exitCode: ExitCode = EXIT.hostCannot;
}

/** A process made a call that its policy refuses while it was brought up: the VM, or the device, is not to be had as it is. */
export class IntrusionError extends BulkheadError {
  readonly exitCode: ExitCode = EXIT.intrusion;
}

/** What another process of Bulkhead answered: its words, its code, and the exit code that they have there; 3 by default. */
export class RemoteError extends BulkheadError {
  readonly exitCode: ExitCode;

  constructor(failure: Failure, exitCode: ExitCode = EXIT.hostCannot) {
    super(failure);
    this.exitCode = exitCode;
  }
}

/** A report, a key, a control or a folder of controls that was handed in cannot be used. */
export class ComplianceInputError extends BulkheadError {
  readonly exitCode: ExitCode = EXIT.badInput;
}
