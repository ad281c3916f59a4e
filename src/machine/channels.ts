import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { dataKey, type FdPlan, imageKey, type ProcessPlan } from "../plan/index.js";
import type { HeldFd } from "../verify/index.js";
import type { OpenedFile } from "./image.js";
import { labelledPipe, labelledSockets } from "./labelled_fds.js";
import { openTap } from "./tap.js";

/** What one process is given, and the launcher's own ends of it. */
export interface ProcessFds {
  /** Fds of the process's manifest as the launcher holds them until the process is verified. */
  readonly held: readonly HeldFd[];
  /** The launcher's ends; whoever reads from one takes it over. */
  readonly log: number;
  /** null for a program that is no QEMU. */
  readonly monitor: number | null;
  /** null where the process has no serial console or line. */
  readonly serial: number | null;
}

/** Inode of a device's own end of its channel; null for the VMM, which has the other end of each. */
export function channelInodeOf(plan: ProcessPlan, held: readonly HeldFd[]): number | null {
  const own = held.find(({ plan: { source } }) => source.from === "channel" && source.device === plan.id);
  // Held as `dev:ino`.
  return own === undefined ? null : Number(own.inode.split(":")[1]);
}

/** Makes all fds of a VM: one channel per device, one log per process, one monitor per QEMU, the serial console. */
export class MachineFds {
  readonly #channels = new Map<string, [number, number]>();
  readonly #open = new Set<number>();
  readonly #images: ReadonlyMap<string, OpenedFile>;

  constructor(images: ReadonlyMap<string, OpenedFile>) {
    this.#images = images;
    // Handed over: from here on the images are closed with the rest.
    for (const image of images.values()) this.#open.add(image.fd);
  }

  /** The fds of one process. */
  make(plan: ProcessPlan): ProcessFds {
    const { selinux } = plan;
    const [log, logEnd] = this.#keep(labelledPipe(selinux?.log));
    const socketsFor = (from: "monitor" | "serial"): readonly [number, number] | readonly [null, null] =>
      plan.fds.some((fd) => fd.source.from === from) ? this.#keep(labelledSockets(selinux?.monitor)) : [null, null];
    const [monitor, monitorEnd] = socketsFor("monitor");
    const [serial, serialEnd] = socketsFor("serial");
    const sourceOf = (fd: FdPlan): number => {
      switch (fd.source.from) {
        case "null":
          return this.#keepOne(openSync("/dev/null", constants.O_RDONLY));
        case "log":
          return logEnd;
        case "monitor":
          return monitorEnd as number;
        case "serial":
          return serialEnd as number;
        case "channel":
          return this.#channelEnd(fd.source.device, plan.id === fd.source.device ? "device" : "vmm", selinux?.channel);
        case "image":
          return this.#image(imageKey(fd.source.device, 0));
        case "backing":
          return this.#image(imageKey(fd.source.device, fd.source.layer));
        case "data":
          return this.#image(dataKey(fd.source.device, fd.source.layer));
        case "tap":
          return this.#keepOne(openTap(fd.source.name, selinux?.tap));
      }
    };
    const held = plan.fds.map((fd) => {
      const source = sourceOf(fd);
      const facts = fstatSync(source);
      return { plan: fd, fd: source, inode: `${facts.dev}:${facts.ino}` };
    });
    return { held, monitor, log, serial };
  }

  /** The launcher's end now belongs to a stream, which will close it. */
  handOver(fd: number): number {
    this.#open.delete(fd);
    return fd;
  }

  /** Closes every copy that the launcher still holds: with one left, a peer's death would go unnoticed. */
  close(): void {
    for (const fd of this.#open) closeSync(fd);
    this.#open.clear();
  }

  #keepOne(fd: number): number {
    this.#open.add(fd);
    return fd;
  }

  #keep(pair: [number, number]): [number, number] {
    for (const fd of pair) this.#open.add(fd);
    return pair;
  }

  /** One end of a device's channel, with the `dev:ino` by which it is known. */
  channelEnd(device: string, side: "device" | "vmm"): { readonly fd: number; readonly inode: string } {
    const fd = this.#channelEnd(device, side);
    const facts = fstatSync(fd);
    return { fd, inode: `${facts.dev}:${facts.ino}` };
  }

  #channelEnd(device: string, side: "device" | "vmm", context?: string): number {
    const pair = this.#channels.get(device) ?? this.#keep(labelledSockets(context));
    this.#channels.set(device, pair);
    return pair[side === "device" ? 0 : 1];
  }

  #image(key: string): number {
    const image = this.#images.get(key);
    if (image === undefined) throw new Error(`no image was opened for ${key}`);
    return image.fd;
  }
}
