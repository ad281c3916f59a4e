import { closeSync, openSync } from "node:fs";
import { Socket } from "node:net";
import { takeInventory } from "../../src/host/index.js";
import { addon, type ExitStatus } from "../../src/kernel/index.js";
import { type PlanRequest, QmpClient } from "../../src/machine/index.js";
import type { FdPlan, ProcessPlan } from "../../src/plan/index.js";
import { loadRolePolicy } from "../../src/policy/index.js";
import { openSession, prepareRoot, startProcess } from "../../src/sandbox/index.js";
import { compiledFilter } from "../../src/seccomp/index.js";

/** What a role's processes are started with; the same for all of them. */
export interface RoleParts {
  readonly filter: Buffer;
}

/** Compiles the filter of a role and builds its private root. */
export async function prepareRole(request: PlanRequest, role: string): Promise<RoleParts> {
  const { policyFolder, directories, qemu } = request;
  const policy = loadRolePolicy({ folder: policyFolder, role });
  await prepareRoot(directories.cache, await takeInventory({ ...qemu, files: policy.files }));
  const cacheDirectory = `${directories.cache}/filters`;
  const { bytes } = await compiledFilter({ policy: policy.seccomp, phases: "lock-down", cacheDirectory });
  return { filter: bytes };
}

/** A confined device process without a VMM: the test holds the other end of its channel. */
export interface LoneDevice {
  /** A double word of configuration space. */
  readConfig(register: number): Promise<number>;
  /** Closes the channel; resolves with how the process ended. */
  end(): Promise<ExitStatus>;
}

/** MPQemuCmd: QEMU include/hw/remote/mpqemu-link.h. */
const PCI_CFGREAD = 3;
/** Header: command, padding, size of what follows. */
const HEADER_BYTES = 16;
/** Address, value, length. */
const CONFIG_ACCESS_BYTES = 12;
const REPLY_BYTES = HEADER_BYTES + 8;

/** Starts a device process by its plan, as a launch does, and attaches its backend. `image` stands for its image. */
export async function startLoneDevice(plan: ProcessPlan, parts: RoleParts, image: string): Promise<LoneDevice> {
  const near = new Map<string, number>();
  const far = new Map<string, number>();
  for (const { source } of plan.fds) if (!far.has(source.from)) far.set(source.from, openFar(source, near, image));
  const manifest = new Map(plan.fds.map(({ fd, source }) => [fd, far.get(source.from) as number]));
  const session = openSession({ vm: "lone", processes: [plan] });
  const process = await startProcess({ plan, manifest, filter: parts.filter, bootFiles: [], session });
  session.close();
  for (const fd of far.values()) closeSync(fd);
  const monitor = new QmpClient(near.get("monitor") as number, plan.id);
  const channel = new Socket({ fd: near.get("channel") as number });
  const log = new Socket({ fd: near.get("log") as number, readable: true, writable: false }).resume();
  try {
    await monitor.open();
    for (const command of plan.monitor) await monitor.execute(command.execute, command.arguments);
  } catch (error) {
    process.kill();
    throw error;
  }
  const end = async (): Promise<ExitStatus> => {
    channel.destroy();
    const status = await process.ended;
    monitor.close();
    log.destroy();
    const line = near.get("serial");
    if (line !== undefined) closeSync(line);
    return status;
  };
  return { readConfig: (register) => readConfig(channel, register), end };
}

function openFar(source: FdPlan["source"], near: Map<string, number>, image: string): number {
  if (source.from === "null") return openSync("/dev/null", "r");
  if (source.from === "image") return openSync(image, "r+");
  const [own, theirs] = source.from === "log" ? addon.pipePair() : addon.socketPair();
  near.set(source.from, own);
  return theirs;
}

async function readConfig(channel: Socket, register: number): Promise<number> {
  const request = Buffer.alloc(HEADER_BYTES + CONFIG_ACCESS_BYTES);
  request.writeInt32LE(PCI_CFGREAD, 0);
  request.writeBigUInt64LE(BigInt(CONFIG_ACCESS_BYTES), 8);
  request.writeUInt32LE(register, HEADER_BYTES);
  request.writeInt32LE(4, HEADER_BYTES + 8);
  channel.write(request);
  let reply = Buffer.alloc(0);
  while (reply.length < REPLY_BYTES) {
    const chunk = await new Promise<Buffer>((resolve, reject) => {
      channel.once("data", resolve);
      channel.once("close", () => reject(new Error("the channel was closed")));
    });
    reply = Buffer.concat([reply, chunk]);
  }
  return reply.readUInt32LE(HEADER_BYTES);
}
