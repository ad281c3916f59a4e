import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { Socket } from "node:net";
import type { ProcessPlan } from "../plan/index.js";
import type { HeldFd } from "../verify/index.js";
import type { OpenedFile } from "./image.js";
import { VERDICT_BYTES } from "./image_verdict.js";
import { labelledSockets } from "./labelled_fds.js";

/** What a judge is given, and the launcher's end of its channel. */
export class JudgeFds {
  readonly held: readonly HeldFd[];
  readonly #open: number[] = [];
  readonly #near: number;
  #nearTaken = false;

  constructor(plan: ProcessPlan, image: OpenedFile) {
    const keep = (fd: number): number => {
      this.#open.push(fd);
      return fd;
    };
    const [near, far] = labelledSockets(plan.selinux?.monitor);
    this.#near = near;
    const channel = keep(far);
    const nothing = keep(openSync("/dev/null", constants.O_RDONLY));
    // An open file description of its own: read-only whatever the disk is, and without the launcher's locks.
    const content = keep(openSync(`/proc/self/fd/${image.fd}`, constants.O_RDONLY | constants.O_NOCTTY));
    this.held = plan.fds.map((fd) => {
      const { from } = fd.source;
      const source = from === "null" ? nothing : from === "monitor" ? channel : content;
      const facts = fstatSync(source);
      return { plan: fd, fd: source, inode: `${facts.dev}:${facts.ino}` };
    });
  }

  get places(): Map<number, number> {
    return new Map(this.held.map((held) => [held.plan.fd, held.fd as number]));
  }

  /** The end now belongs to a stream, which will close it. */
  takeNear(): number {
    this.#nearTaken = true;
    return this.#near;
  }

  close(): void {
    for (const fd of this.#open.splice(0)) closeSync(fd);
    if (!this.#nearTaken) closeSync(this.takeNear());
  }
}

/** The launcher's end. Believes no more bytes than it asks for. */
export class JudgeChannel {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => {};

  constructor(fd: number) {
    this.#socket = new Socket({ fd, readable: true, writable: true });
    this.#socket.on("data", (chunk: Buffer) => {
      if (this.#received.length <= VERDICT_BYTES) this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    // A reset is an end like any other: what is missing says so.
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** Up to `count` bytes: fewer when the judge ended before. */
  async read(count: number): Promise<Buffer> {
    while (this.#received.length < count && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const bytes = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return bytes;
  }

  go(): void {
    this.#socket.write("g");
  }

  close(): void {
    this.#socket.destroy();
  }
}
