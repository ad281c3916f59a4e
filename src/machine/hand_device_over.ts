import { closeSync, openSync } from "node:fs";
import type { WatchedProcess } from "../sandbox/index.js";
import type { ProcessFds } from "./channels.js";
import { handOver } from "./handover.js";
import type { PreparedDevice } from "./prepare_device.js";
import { fdsOfLines } from "./serial_line.js";

/** A device process that was started for a supervisor. */
export interface HandedDevice {
  readonly prepared: Pick<PreparedDevice, "lines">;
  readonly fds: ProcessFds;
  readonly process: WatchedProcess;
  /** The VMM's end. */
  readonly channel: number;
}

/** Hands its open files over, with what a confined supervisor could not open: the process's memory, for the paths of opens, and what is mapped in it. */
export function handDeviceOver(directory: string, token: string, { prepared, fds, process, channel }: HandedDevice): void {
  const { pid, pidfd, gate } = process;
  const opened = ["mem", "maps"].map((name) => openSync(`/proc/${pid}/${name}`, "r"));
  const listener = gate?.copyListener() ?? -1;
  const [memory = -1, maps = -1] = opened;
  const { monitor, log, serial } = fds;
  const named = new Map(Object.entries({ pidfd, log, channel, listener, memory, maps }));
  if (monitor !== null) named.set("monitor", monitor);
  if (serial !== null) named.set("serial", serial);
  try {
    handOver(directory, token, new Map([...named, ...fdsOfLines(prepared.lines)]));
  } finally {
    for (const fd of [...opened, listener]) if (fd >= 0) closeSync(fd);
  }
}
