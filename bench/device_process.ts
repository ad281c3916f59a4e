import { closeSync } from "node:fs";
import { addon, type ChildOperation } from "../src/kernel/index.js";
import { QmpClient } from "../src/machine/index.js";
import type { ProcessPlan } from "../src/plan/index.js";
import { removeCgroup, startProcess } from "../src/sandbox/index.js";
import { Manifest } from "./manifest.js";

/** Longest wait for exec, in ms. */
const EXEC_DEADLINE_MS = 10_000;

export interface DeviceParts {
  readonly plan: ProcessPlan;
  readonly filter: Buffer;
  /** Path of its image. Two processes that run at once need two: QEMU locks it. */
  readonly image: string;
}

/** A device process whose channel is ours instead of a VMM's, its backend attached. */
export interface DeviceProcess {
  /** The VMM's end of the channel. */
  readonly channelFd: number;
  /** Closes the channel, which ends the process, and removes its group. */
  end(): Promise<void>;
}

interface Started {
  readonly ended: Promise<unknown>;
  readonly cgroup: string | null;
}

/** Confined by its plan, as a launch starts it. The group of its VM must be there. */
export function startConfinedDevice(parts: DeviceParts): Promise<DeviceProcess> {
  const { plan, filter } = parts;
  return startDevice(parts, async (manifest) => {
    const confined = await startProcess({ plan, manifest: manifest.places, filter, bootFiles: [], coreGroup: null });
    return { ended: confined.ended, cgroup: plan.cgroup?.path ?? null };
  });
}

/**
 * The same command line and fds, and nothing taken away. A session of its own is a scheduling group of its own where the
 * kernel groups by session (sched(7), "The autogroup feature"), which costs each switch to or from the process.
 */
export function startUnconfinedDevice(parts: DeviceParts, options: { readonly ownSession: boolean }): Promise<DeviceProcess> {
  const session: ChildOperation[] = options.ownSession ? [{ step: "new-session" }] : [];
  return startDevice(parts, (manifest) => spawnUnconfined(parts.plan, manifest, session));
}

async function startDevice(parts: DeviceParts, start: (manifest: Manifest) => Promise<Started>): Promise<DeviceProcess> {
  const manifest = new Manifest(parts.plan, parts.image);
  const { ended, cgroup } = await start(manifest);
  manifest.closeFar();
  const monitor = new QmpClient(manifest.takeNear("monitor"), parts.plan.id);
  await monitor.open();
  for (const command of parts.plan.monitor) await monitor.execute(command.execute, command.arguments);
  const channelFd = manifest.takeNear("channel");
  const end = async (): Promise<void> => {
    closeSync(channelFd);
    await ended;
    monitor.close();
    manifest.close();
    if (cgroup !== null) await removeCgroup(cgroup);
  };
  return { channelFd, end };
}

async function spawnUnconfined(plan: ProcessPlan, manifest: Manifest, first: readonly ChildOperation[]): Promise<Started> {
  const places = [...manifest.places];
  const operations: ChildOperation[] = [
    ...first,
    ...places.map(([number, fd]): ChildOperation => ({ step: "place-fd", fd, number: BigInt(number) })),
    { step: "close-other-fds", number: BigInt(Math.max(...manifest.places.keys())) },
    { step: "default-signals" },
    { step: "exec", path: plan.argv[0] as string },
  ];
  const result = await addon.spawnConfined({
    operations,
    argv: plan.argv,
    environment: [],
    namespaces: 0n,
    cgroupFd: -1,
    userMap: "",
    groupMap: "",
    coreSharePid: 0,
    coreCreate: false,
    deadlineMs: EXEC_DEADLINE_MS,
  });
  if (result.failed) throw new Error(`cannot start ${plan.argv[0]} unconfined: ${JSON.stringify(result)}`);
  const ended = addon.waitExit({ pidfd: result.pidfd, keepAlive: true }).finally(() => closeSync(result.pidfd));
  return { ended, cgroup: null };
}
