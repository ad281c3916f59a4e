import type { ExitStatus } from "../../../src/kernel/index.js";
import type { MachineProcess } from "../../../src/machine/machine_process.js";
import type { WatchdogAction } from "../../../src/spec/index.js";

export const KILLED: ExitStatus = { exitCode: null, signal: 9 };

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
