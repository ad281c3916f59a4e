import { closeSync, fstatSync, openSync } from "node:fs";
import { addon } from "../src/kernel/index.js";
import type { FdPlan, ProcessPlan } from "../src/plan/index.js";
import type { HeldFd } from "../src/verify/index.js";

/** The fds that one process of a benchmark is given, and our own ends of them. */
export class Manifest {
  readonly held: readonly HeldFd[];
  /** Our ends, by what the plan calls the other: `monitor`, `channel`, `log`. Whoever takes one closes it. */
  readonly #near = new Map<string, number>();
  readonly #far = new Map<string, number>();

  /** `image`: path of the file that stands for every image of the plan. */
  constructor(plan: ProcessPlan, image: string | null) {
    this.held = plan.fds.map((fd) => {
      const source = this.#open(fd, image);
      const facts = fstatSync(source);
      return { plan: fd, fd: source, inode: `${facts.dev}:${facts.ino}` };
    });
  }

  /** Number in the process to the fd that goes there. */
  get places(): Map<number, number> {
    return new Map(this.held.map(({ plan, fd }) => [plan.fd, fd as number]));
  }

  takeNear(from: FdPlan["source"]["from"]): number {
    const fd = this.#near.get(from);
    if (fd === undefined) throw new Error(`the plan has no ${from}`);
    this.#near.delete(from);
    return fd;
  }

  /** With a far end left open, the death of the process would go unnoticed. */
  closeFar(): void {
    for (const fd of this.#far.values()) closeSync(fd);
    this.#far.clear();
  }

  close(): void {
    this.closeFar();
    for (const fd of this.#near.values()) closeSync(fd);
    this.#near.clear();
  }

  #open(fd: FdPlan, image: string | null): number {
    const { from } = fd.source;
    const known = this.#far.get(from);
    if (known !== undefined) return known;
    const far = this.#make(from, image);
    this.#far.set(from, far);
    return far;
  }

  #make(from: FdPlan["source"]["from"], image: string | null): number {
    switch (from) {
      case "null":
        return openSync("/dev/null", "r");
      case "image":
        if (image === null) throw new Error("the plan has an image and none was given");
        return openSync(image, "r+");
      case "log": {
        const [near, nonBlocking] = addon.pipePair();
        this.#near.set(from, near);
        // Opened anew it blocks: a program that writes without end waits, and does not end by EAGAIN.
        const far = openSync(`/proc/self/fd/${nonBlocking}`, "w");
        closeSync(nonBlocking);
        return far;
      }
      case "monitor":
      case "channel": {
        const [near, far] = addon.socketPair();
        this.#near.set(from, near);
        return far;
      }
      case "serial":
      case "tap":
      case "backing":
      case "data":
        throw new Error(`no process of a benchmark has a ${from}`);
    }
  }
}
