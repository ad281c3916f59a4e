import { type StartRequest, startProcess } from "../sandbox/index.js";
import { type Directories, identifyProcess, type OwnedRun } from "../state/index.js";
import { channelInodeOf, type MachineFds, type ProcessFds } from "./channels.js";
import type { Feed } from "./feed.js";
import type { MachineProcess } from "./machine_process.js";
import { ProcessLog } from "./process_log.js";
import { QmpClient } from "./qmp_client.js";
import { logRefusals } from "./refused_call.js";

/** Whom a process of a VM is started for. */
export interface ProcessOwner {
  readonly run: OwnedRun;
  readonly directories: Directories;
  /** All fds that were made; the launcher's ends among them are handed over to their readers. */
  readonly made: MachineFds;
  readonly feed: Feed;
  readonly onLogLine: (process: string, line: string) => void;
}

/** Starts one process of a VM, writes it down, and connects the launcher to its monitor and its log. */
export async function startMachineProcess(
  owner: ProcessOwner,
  fds: ProcessFds,
  start: Omit<StartRequest, "manifest">,
): Promise<MachineProcess> {
  const { plan } = start;
  const manifest = new Map(fds.held.map((held) => [held.plan.fd, held.fd as number]));
  const confined = await startProcess({ ...start, manifest });
  logRefusals(owner.directories, owner.run.record.vm, confined);
  const identity = identifyProcess(confined.pid);
  if (identity !== null) {
    const { run } = owner;
    run.update({
      processes: [...run.record.processes, { id: plan.id, role: plan.role, session: confined.session, ...identity }],
    });
  }
  const show = (line: string): void => {
    owner.onLogLine(plan.id, line);
    owner.feed.publish({ kind: "log", process: plan.id, line });
  };
  return {
    confined,
    monitor: fds.monitor === null ? null : new QmpClient(owner.made.handOver(fds.monitor), plan.id),
    log: new ProcessLog(owner.made.handOver(fds.log), show),
    channelInode: channelInodeOf(plan, fds.held),
  };
}
