import { spawn } from "node:child_process";
import { closeSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { MachineError } from "../errors/index.js";
import { addon, answerOf } from "../kernel/index.js";
import { identifyProcess, type ProcessIdentity } from "../state/index.js";
import type { ProcessFds } from "./channels.js";
import type { MachineProcess } from "./machine_process.js";
import { inDirectory } from "./run_socket.js";
import { fdsOfLines, type SerialFiles } from "./serial_line.js";

/** From dist/src/machine/ to where node-gyp builds. */
const PROGRAM = fileURLToPath(new URL("../../../native/build/Release/bulkhead-keeper", import.meta.url));
const SOCKET_NAME = "keeper";
/** Longest wait for an answer of the keeper, in ms: it does nothing else. */
const ANSWER_DEADLINE_MS = 5000;
/** What the keeper sends after its last fd, and as its only answer to `stand`: native/keeper/keeper.cc. */
const END = "end";

/**
 * What a launcher has open, under a name. `drained`: a stream that is read to nowhere while nobody supervises, so that its writer never
 * waits. `file`: what a console is written to, which is held and left alone. `listener`: of a filter, whose calls are refused meanwhile.
 */
export interface KeptFd {
  readonly name: string;
  readonly kind: "stream" | "drained" | "file" | "listener";
  readonly fd: number;
}

const KIND_LETTERS = { stream: "k", drained: "d", file: "f", listener: "r" } as const;

/** The keeper's word for what it holds; the first letter tells it what to do with it. */
function labelOf({ name, kind }: Pick<KeptFd, "name" | "kind">): string {
  return `${KIND_LETTERS[kind]}/${name}`;
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
      taken.set(data.slice(labelOf({ name: "", kind: "stream" }).length), fd);
    }
  }

  /** Gives it one more. */
  hold(kept: KeptFd): void {
    this.#send(`hold ${labelOf(kept)}`, kept.fd);
  }

  /** Has it let go of a file. */
  drop(name: string): void {
    this.#send(`drop ${labelOf({ name, kind: "file" })}`, -1);
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
export function keptFds(manifests: ReadonlyMap<string, Omit<ProcessFds, "held">>): KeptFd[] {
  return [...manifests].flatMap(([id, { monitor, log, serial }]): KeptFd[] => [
    ...(monitor === null ? [] : [{ name: `${id}/monitor`, kind: "stream", fd: monitor } as const]),
    { name: `${id}/log`, kind: "drained", fd: log },
    ...(serial === null ? [] : [{ name: `${id}/serial`, kind: "drained", fd: serial } as const]),
  ]);
}

/** The name of the socket on which the kernel's audit records wait for whoever supervises next. */
export const KEPT_AUDIT = "launcher/audit";

/** The files of its consoles. */
export function keptLines(files: SerialFiles): KeptFd[] {
  return [...fdsOfLines(files)].map(([name, fd]) => ({ name, kind: "file", fd }));
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
      keeper.hold({ name: listenerName(plan.id), kind: "listener", fd });
    } finally {
      closeSync(fd);
    }
  }
}
