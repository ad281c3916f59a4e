import { spawn } from "node:child_process";
import { closeSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { MachineError } from "../errors/index.js";
import { addon, answerOf } from "../kernel/index.js";
import { identifyProcess, type ProcessIdentity } from "../state/index.js";
import type { ProcessFds } from "./channels.js";
import type { MachineProcess } from "./machine_process.js";
import { inDirectory } from "./run_socket.js";

/** From dist/src/machine/ to where node-gyp builds. */
const PROGRAM = fileURLToPath(new URL("../../../native/build/Release/bulkhead-keeper", import.meta.url));
const SOCKET_NAME = "keeper";
/** Longest wait for an answer of the keeper, in ms: it does nothing else. */
const ANSWER_DEADLINE_MS = 5000;
/** What the keeper sends after its last fd, and as its only answer to `stand`: native/keeper/keeper.cc. */
const END = "end";

/**
 * What happens to a kept fd while nobody supervises: nothing; a stream is read to nowhere, so that its writer never waits; the
 * calls that wait at a filter's listener are refused.
 */
export type UnsupervisedCare = "leave" | "drain" | "refuse";

/** Something of a launcher's, under a name. */
export interface KeptFd {
  readonly name: string;
  readonly unsupervised: UnsupervisedCare;
  readonly fd: number;
}

/** native/keeper/keeper.cc. */
const CARE_LETTERS: Readonly<Record<UnsupervisedCare, string>> = { leave: "k", drain: "d", refuse: "r" };

/** The keeper's word for what it holds; the first letter tells it what to do with it. */
function labelOf({ name, unsupervised }: Omit<KeptFd, "fd">): string {
  return `${CARE_LETTERS[unsupervised]}/${name}`;
}

/**
 * The process that holds a launcher's ends of monitors, logs and console, and the listeners of filters, so that they outlive it:
 * native/keeper/keeper.cc.
 * Whoever is connected to it supervises the VM. It ends by itself when all that it holds has hung up.
 */
export class Keeper {
  readonly identity: ProcessIdentity | null;
  readonly #vm: string;
  readonly #socketFd: number;
  #closed = false;

  private constructor(vm: string, socketFd: number, identity: ProcessIdentity | null) {
    this.#vm = vm;
    this.#socketFd = socketFd;
    this.identity = identity;
  }

  /** Starts one beside this launcher, which is its first supervisor. `onExit` is called when it ends. */
  static start(vm: string, place: { readonly directory: string; readonly onExit?: () => void }, kept: readonly KeptFd[]): Keeper {
    rmSync(`${place.directory}/${SOCKET_NAME}`, { force: true });
    const listenFd = inDirectory(place.directory, SOCKET_NAME, (path) => addon.listenLocal({ path, packets: true }));
    try {
      // Connected before the keeper runs: it never finds itself without a supervisor while this launcher lives.
      const socketFd = connectTo(place.directory);
      const child = spawn(PROGRAM, kept.map(labelOf), {
        stdio: ["ignore", "ignore", "ignore", listenFd, ...kept.map(({ fd }) => fd)],
        // A session of its own: no terminal's signals reach it.
        detached: true,
        env: {},
        cwd: "/",
      });
      // One that cannot be started is found out when it does not answer.
      child.on("error", () => place.onExit?.());
      child.on("exit", () => place.onExit?.());
      child.unref();
      return new Keeper(vm, socketFd, child.pid === undefined ? null : identifyProcess(child.pid));
    } finally {
      closeSync(listenFd);
    }
  }

  /** Becomes the supervisor of a VM whose launcher died. Throws MachineError "keeper-gone". */
  static connect(vm: string, directory: string): Keeper {
    try {
      return new Keeper(vm, connectTo(directory), null);
    } catch (cause) {
      throw keeperGone(vm, answerOf(cause), cause);
    }
  }

  /** Throws MachineError "keeper-gone" unless the keeper stands and answers. */
  confirm(): void {
    this.#send("stand", -1);
    if (this.#receive().data !== END) throw keeperGone(this.#vm, "it does not answer as a keeper does");
  }

  /** Copies of all that it holds, by name; closing them is the caller's. */
  take(): Map<string, number> {
    this.#send("take", -1);
    const taken = new Map<string, number>();
    for (;;) {
      const { data, fd } = this.#receive();
      if (data === END) return taken;
      if (fd < 0) throw keeperGone(this.#vm, "it ended while it was asked");
      taken.set(data.slice(labelOf({ name: "", unsupervised: "drain" }).length), fd);
    }
  }

  /** Gives it one more. */
  hold(kept: KeptFd): void {
    this.#send(`hold ${labelOf(kept)}`, kept.fd);
  }

  close(): void {
    if (!this.#closed) closeSync(this.#socketFd);
    this.#closed = true;
  }

  #send(data: string, fd: number): void {
    try {
      addon.sendFd({ socketFd: this.#socketFd, data, fd });
    } catch (cause) {
      throw keeperGone(this.#vm, answerOf(cause), cause);
    }
  }

  #receive(): { data: string; fd: number } {
    try {
      return addon.receiveFd({ socketFd: this.#socketFd });
    } catch (cause) {
      throw keeperGone(this.#vm, answerOf(cause), cause);
    }
  }
}

function connectTo(directory: string): number {
  return inDirectory(directory, SOCKET_NAME, (path) => addon.connectPackets({ path, timeoutMs: ANSWER_DEADLINE_MS }));
}

function keeperGone(vm: string, answer: string, cause?: unknown): MachineError {
  return new MachineError({
    code: "keeper-gone",
    tried: `Cannot reach the keeper of VM "${vm}"`,
    subject: vm,
    answer,
    remedy: `Without it nobody can talk to the VM's monitors again; \`bulkhead stop ${vm}\` ends its processes.`,
    cause,
  });
}

/** What a keeper shall hold of a VM's processes, by the fds made for them. */
export function keptFds(manifests: ReadonlyMap<string, ProcessFds>): KeptFd[] {
  return [...manifests].flatMap(([id, { monitor, log, serial }]) => [
    { name: `${id}/monitor`, unsupervised: "leave", fd: monitor },
    { name: `${id}/log`, unsupervised: "drain", fd: log },
    ...(serial === null ? [] : [{ name: `${id}/serial`, unsupervised: "drain" as const, fd: serial }]),
  ]);
}

/** The keeper's name of the listener of a process's filter. */
export function listenerName(id: string): string {
  return `${id}/calls`;
}

/**
 * Seals verified processes and has a keeper hold their listeners: with those their start calls are refused, and the next
 * supervisor is told of them, whoever dies. Not earlier: a launch whose launcher dies must not wait for answers.
 */
export function holdListeners(keeper: Keeper, processes: Iterable<Pick<MachineProcess, "confined">>): void {
  for (const { confined } of processes) {
    const { plan, gate } = confined;
    gate?.seal();
    const fd = gate?.copyListener() ?? -1;
    if (fd < 0) continue;
    try {
      keeper.hold({ name: listenerName(plan.id), unsupervised: "refuse", fd });
    } finally {
      closeSync(fd);
    }
  }
}
