import { closeSync } from "node:fs";
import { QmpClient } from "../src/machine/index.js";
import type { ProcessPlan } from "../src/plan/index.js";
import { removeCgroup, type Session, startProcess } from "../src/sandbox/index.js";
import { Manifest } from "./manifest.js";
import { startPlain } from "./plain_process.js";

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
export function startConfinedDevice(parts: DeviceParts, session: Session): Promise<DeviceProcess> {
  const { plan, filter } = parts;
  return startDevice(parts, async (manifest) => {
    const confined = await startProcess({ plan, manifest: manifest.places, filter, bootFiles: [], session });
    return { ended: confined.ended, cgroup: plan.cgroup?.path ?? null };
  });
}

/** The same command line and fds, and nothing taken away. */
export function startUnconfinedDevice(parts: DeviceParts, session: Session): Promise<DeviceProcess> {
  return startDevice(parts, async (manifest) => {
    const { ended } = await startPlain(session, parts.plan.argv, manifest.places);
    return { ended, cgroup: null };
  });
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
