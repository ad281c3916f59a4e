import type { ExitStatus } from "../../../src/kernel/index.js";
import { KernelLog } from "../../../src/machine/kernel_log.js";
import type { MachineProcess } from "../../../src/machine/machine_process.js";
import { RunningMachine } from "../../../src/machine/running_machine.js";
import type { WatchdogAction } from "../../../src/spec/index.js";
import type { Directories, OwnedRun } from "../../../src/state/index.js";

/** include/uapi/asm-generic/signal.h */
export const KILLED: ExitStatus = { exitCode: null, signal: 9 };
export const CLEAN: ExitStatus = { exitCode: 0, signal: null };

type Listener = (event: { event: string; data: Record<string, unknown> }) => void;

/** A process that ends when the test says so, or is killed. */
export class PlayedProcess {
  readonly id: string;
  end: (status: ExitStatus) => void = () => {};
  readonly ended = new Promise<ExitStatus>((resolve) => {
    this.end = resolve;
  });
  readonly listeners: Listener[] = [];
  garble: (failure: Error) => void = () => {};
  readonly commands: string[] = [];
  readonly #onWatchdog: WatchdogAction | undefined;

  constructor(id: string, onWatchdog?: WatchdogAction) {
    this.id = id;
    this.#onWatchdog = onWatchdog;
  }

  get machineProcess(): MachineProcess {
    const monitor = {
      onEvent: (listener: Listener) => void this.listeners.push(listener),
      onGarbled: (listener: (failure: Error) => void) => {
        this.garble = listener;
      },
      execute: (command: string) => {
        this.commands.push(command);
        return Promise.resolve({ running: true });
      },
      close: () => {},
    };
    const plan = { id: this.id, cgroup: null, root: [], onWatchdog: this.#onWatchdog };
    const confined = { plan, pid: 0, ended: this.ended, kill: () => this.end(KILLED) };
    return { confined, monitor, log: { lastWords: () => "" }, channelInode: null } as unknown as MachineProcess;
  }
}

/** A VM of two played processes, under a real supervisor. `change`: other parts than these. */
export function playMachine(
  { vmm, disk0, ...own }: { vmm: PlayedProcess; disk0: PlayedProcess; run: OwnedRun; directories: Directories },
  onDeviceExit: "stop" | "pause" = "stop",
  change: object = {},
): RunningMachine {
  const processes = new Map([
    ["disk0", disk0.machineProcess],
    ["vmm", vmm.machineProcess],
  ]);
  const launcher = { capabilities: [] };
  const plan = { vm: "web1", launcher, onDeviceExit, shutdownGraceMs: 20, hangDeadlineMs: 10_000 };
  const parts = { ...own, plan, verified: {}, processes, kernelLog: new KernelLog(), keeper: { close: () => {} }, ...change };
  return new RunningMachine(parts as unknown as ConstructorParameters<typeof RunningMachine>[0]);
}
