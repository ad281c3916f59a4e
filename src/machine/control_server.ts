import { rmSync } from "node:fs";
import { Server, type Socket } from "node:net";
import { MachineError, SpecError } from "../errors/index.js";
import { addon } from "../kernel/index.js";
import type { ProcessPlan } from "../plan/index.js";
import { logEvent, watchEvents } from "../state/index.js";
import {
  CONTROL_NAME,
  type ControlAnswer,
  type ControlRequest,
  encodeFailure,
  encodeItem,
  parseRequest,
  REQUEST_BYTES_MAX,
} from "./control_message.js";
import { Handover } from "./handover.js";
import { HotPlug } from "./hot_plug.js";
import { readLines } from "./line_reader.js";
import { requirePermitted } from "./qmp_permission.js";
import { inDirectory } from "./run_socket.js";
import type { Supervision } from "./supervision.js";
import { Talk } from "./talk.js";

/** Connections at one time; an operator's commands and a handful of followers. */
const CONNECTIONS_MAX = 32;
/** How long a connection may take to send its request, in ms. */
const REQUEST_DEADLINE_MS = 5000;
/** Bytes that may wait for a slow follower before items are dropped for it. */
const WAITING_BYTES_MAX = 1024 * 1024;

/**
 * Opens the control socket of a VM, in its run directory, which only root may enter. Whoever connects must be this very user
 * by SO_PEERCRED, however it came by the path. Closed when the VM has ended.
 */
export function openControl(supervision: Supervision): void {
  const { machine, run } = supervision;
  const unwatch = watchEvents((event) => {
    if (event.vm === machine.plan.vm) supervision.feed.publish({ kind: "event", event: { ...event } });
  });
  rmSync(`${run.directory}/${CONTROL_NAME}`, { force: true });
  const fd = inDirectory(run.directory, CONTROL_NAME, (path) => addon.listenLocal({ path, packets: false }));
  const handover = new Handover(run.directory);
  // By fd: a server that knows a path removes it when it closes, whoever's it is by then.
  const service = { supervision, hotPlug: new HotPlug(supervision, handover) };
  const server = new Server((socket) => accept(service, socket));
  server.maxConnections = CONNECTIONS_MAX;
  server.on("error", () => {});
  server.listen({ fd });
  // A launcher whose VM ended has nothing to wait for here.
  server.unref();
  void machine.ended.then(() => {
    unwatch();
    server.close();
    handover.close();
  });
}

/** node:net keeps the descriptor here and offers it nowhere else; without it the peer is unknown, and refused. */
function descriptorOf(socket: Socket): number {
  return (socket as unknown as { readonly _handle?: { readonly fd?: number } | null })._handle?.fd ?? -1;
}

function peerOf(socket: Socket): number | null {
  try {
    return addon.peerUid({ socketFd: descriptorOf(socket) });
  } catch {
    return null; // Hung up already, or no descriptor: nobody whom we know.
  }
}

interface Service {
  readonly supervision: Supervision;
  readonly hotPlug: HotPlug;
}

function accept(service: Service, socket: Socket): void {
  const { supervision } = service;
  socket.on("error", () => socket.destroy());
  const uid = peerOf(socket);
  if (uid === null || uid !== process.geteuid?.()) {
    socket.destroy();
    const { vm } = supervision.machine.plan;
    logEvent(supervision.planning.directories, { event: "control-refused", vm, uid });
    return;
  }
  const deadline = setTimeout(() => socket.destroy(), REQUEST_DEADLINE_MS);
  const send = (message: ControlAnswer): void => void socket.write(`${JSON.stringify(message)}\n`);
  const talk = new Talk(send);
  let asked = false;
  readLines(socket, { bytesMax: REQUEST_BYTES_MAX, onFlood: () => socket.destroy() }, (line) => {
    clearTimeout(deadline);
    // One request for each connection, and what the supervisor asks for in return.
    if (asked) return talk.hear(line) ? undefined : void socket.destroy();
    asked = true;
    void answer(service, { socket, send, talk }, line);
  });
  socket.on("close", () => {
    clearTimeout(deadline);
    talk.leave();
  });
}

async function answer(service: Service, connection: Connection, line: string): Promise<void> {
  const { socket, send } = connection;
  const request = parseRequest(line);
  try {
    if (typeof request === "string") throw garbled(service.supervision.machine.plan.vm, request);
    send({ result: (await serve(service, request, connection)) ?? null });
  } catch (error) {
    // Whatever it is, it ends this request, not the VM's supervisor.
    send({ failure: encodeFailure(error) });
  }
  socket.end();
}

interface Connection {
  readonly socket: Socket;
  readonly send: (message: ControlAnswer) => void;
  readonly talk: Talk;
}

async function serve({ supervision, hotPlug }: Service, request: ControlRequest, connection: Connection): Promise<unknown> {
  switch (request.request) {
    case "stop":
      return stop(supervision, request.now);
    case "qmp":
      return runMonitorCommand(supervision, request);
    case "device-add":
      return hotPlug.add(request.id, connection.talk);
    case "device-remove":
      return hotPlug.remove(request.id, request.waitMs);
    case "follow":
      return follow(supervision, connection);
  }
}

/** The answer comes when nothing of the VM is left. */
async function stop({ machine }: Supervision, now: boolean): Promise<unknown> {
  // A second stop ends the VM at once, as a second signal does.
  void machine.stop();
  if (now) void machine.stop();
  return machine.ended;
}

async function runMonitorCommand(supervision: Supervision, request: ControlRequest & { request: "qmp" }): Promise<unknown> {
  const { machine, processes } = supervision;
  const process = processes.get(request.process);
  if (process === undefined) {
    throw new SpecError({
      code: "process-unknown",
      tried: `Cannot ask process "${request.process}" of VM "${machine.plan.vm}"`,
      subject: request.process,
      answer: `its processes are ${machine.plan.processes.map(({ id }) => id).join(", ")}`,
    });
  }
  requirePermitted(process.confined.plan.role, request.command);
  if (process.monitor === null) throw withoutMonitor(machine.plan.vm, process.confined.plan);
  return process.monitor.execute(request.command, request.arguments);
}

/** Sends what happens until the VM has ended or the follower went away. */
async function follow(supervision: Supervision, { socket, send }: Connection): Promise<unknown> {
  const unfollow = supervision.feed.follow((item) => {
    if (socket.writableLength < WAITING_BYTES_MAX) send({ item: encodeItem(item) });
  });
  send({ following: true });
  const gone = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  try {
    return await Promise.race([supervision.machine.ended, gone]);
  } finally {
    unfollow();
  }
}

function withoutMonitor(vm: string, { id, program }: ProcessPlan): SpecError {
  return new SpecError({
    code: "monitor-absent",
    tried: `Cannot ask process "${id}" of VM "${vm}"`,
    subject: id,
    answer: `its program, ${program}, has no monitor`,
    remedy: "Ask the VMM, or a device that QEMU emulates.",
  });
}

function garbled(vm: string, answer: string): MachineError {
  return new MachineError({ code: "request-garbled", tried: `Cannot read a request about VM "${vm}"`, subject: vm, answer });
}
