import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, readFileSync, readSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { addon, KVM_RIG_GUEST, KVM_RIG_PROGRAM } from "../../kernel/index.js";

/** Longest wait for the guest to do what it was asked, in ms: a thousand exits take some ten. */
const GUEST_DEADLINE_MS = 10_000;
/** Between two looks at the mailbox, in ms. */
const LOOK_MS = 2;
/** Where the guest's code is: native/rig/guest.S. */
const ENTRY = 0x8000;
/** The mailbox of native/rig/guest.S. */
const MAILBOX = { order: 0x600, count: 0x604, heartbeat: 0x608, interrupts: 0x60c, result: 0x610, place: 0x614, value: 0x618 };
const TAKEN = 0x620;
const TIMES = 0x1_0000;
const ORDERS = {
  "ring-port": 1,
  "ring-memory": 2,
  "time-round-trip": 3,
  "time-exit": 4,
  "time-doorbell": 5,
  "sum-bytes": 6,
  "fill-bytes": 7,
  halt: 8,
} as const;
export type GuestOrder = keyof typeof ORDERS;

/** Where the guest rings: native/rig/guest.S. */
export const DOORBELL = { port: 0xb10, memory: 0xd_0000 } as const;
export const FIRST_VECTOR = 0x40;
/** Cycles that one order can note: TIMES_MAX of native/rig/guest.S. */
export const TIMES_MAX = 0x3fff;

export const SLOT = { main: 0, movable: 1 } as const;
/** The guest's memory: from 0 on, and behind it a region that tests move. Offsets in the file are the first addresses. */
export const MAIN_BYTES = 0x8_0000;
export const MOVABLE_BYTES = 0x1_0000;
const MEMORY_BYTES = MAIN_BYTES + MOVABLE_BYTES;

/** Segment and offset, as the guest loads them. */
function realModePlace(address: number): number {
  return (address >> 4) * 0x1_0000 + (address & 0xf);
}

/** What the kernel refused: a call, or with errno 0 what a call had promised. */
export class RefusedByKvm extends Error {
  readonly errno: number;

  constructor(errno: number, message: string) {
    super(message);
    this.errno = errno;
  }
}

/** A KVM machine in a process of its own, with memory and eventfds that are ours to give to device processes. */
export class KvmRig {
  readonly memoryFd: number;
  readonly #eventfds: readonly number[];
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(memoryFd: number, eventfds: readonly number[]) {
    this.memoryFd = memoryFd;
    this.#eventfds = eventfds;
    this.#child = spawn(KVM_RIG_PROGRAM, ["3"], { stdio: ["pipe", "pipe", "inherit", memoryFd, ...eventfds] });
    if (this.#child.stdout === null) throw new Error("the rig was started without a pipe");
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** With as many eventfds as a test needs. Throws RefusedByKvm. */
  static async start(eventfdCount: number): Promise<KvmRig> {
    const memoryFd = addon.makeSealedMemory({ name: "guest", sizeBytes: BigInt(MEMORY_BYTES) });
    const rig = new KvmRig(
      memoryFd,
      Array.from({ length: eventfdCount }, () => addon.makeEventfd()),
    );
    try {
      await rig.#answer();
      rig.write(ENTRY, readFileSync(KVM_RIG_GUEST));
      await rig.order(`slot ${SLOT.main} 0 ${MAIN_BYTES} 0`);
      await rig.order(`slot ${SLOT.movable} ${MAIN_BYTES} ${MOVABLE_BYTES} ${MAIN_BYTES}`);
      return rig;
    } catch (error) {
      await rig.end();
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Ours; the rig has it as `fdInRig`. */
  eventfd(index: number): number {
    const fd = this.#eventfds[index];
    if (fd === undefined) throw new Error(`the rig was started without eventfd ${index}`);
    return fd;
  }

  /** The number of an eventfd in the rig's process: after the standard streams and the memory. */
  static fdInRig(index: number): number {
    return 4 + index;
  }

  /** An order of native/rig/kvm_rig.cc. Throws RefusedByKvm. */
  async order(line: string): Promise<number> {
    this.#child.stdin?.write(`${line}\n`);
    return this.#answer();
  }

  /** Lets the guest run, and waits until it takes interrupts: what comes before is lost. */
  async run(): Promise<void> {
    await this.order(`start ${ENTRY}`);
    await until(() => this.heartbeat > 0, "the guest's first turn");
  }

  async #answer(): Promise<number> {
    const line = (await this.#answers.next()).value ?? "nothing";
    const [word, value, ...rest] = line.split(" ");
    if (word === "ok") return Number(value);
    if (word === "refused") throw new RefusedByKvm(Number(value), rest.join(" "));
    throw new Error(`the rig answered ${line}`);
  }

  read(offset: number, lengthBytes: number): Buffer {
    const bytes = Buffer.alloc(lengthBytes);
    readSync(this.memoryFd, bytes, 0, lengthBytes, offset);
    return bytes;
  }

  write(offset: number, bytes: Buffer): void {
    writeSync(this.memoryFd, bytes, 0, bytes.length, offset);
  }

  #number(offset: number): number {
    return this.read(offset, 4).readUInt32LE();
  }

  #setNumber(offset: number, value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    this.write(offset, bytes);
  }

  get heartbeat(): number {
    return this.#number(MAILBOX.heartbeat);
  }

  /** Interrupts that the guest took, all or of one vector. */
  taken(vector?: number): number {
    return this.#number(vector === undefined ? MAILBOX.interrupts : TAKEN + 4 * (vector - FIRST_VECTOR));
  }

  /** Has the guest do something, and waits until it is done. */
  async guest(order: GuestOrder, count: number): Promise<void> {
    this.begin(order, count);
    await this.done(order);
  }

  begin(order: GuestOrder, count: number): void {
    this.#setNumber(MAILBOX.count, count);
    this.#setNumber(MAILBOX.order, ORDERS[order]);
  }

  /** Takes an order back that waits for what does not come. */
  takeBack(): void {
    this.#setNumber(MAILBOX.order, 0);
  }

  done(order: GuestOrder): Promise<void> {
    return until(() => this.#number(MAILBOX.order) === 0, `the guest's ${order}`);
  }

  /** The guest's own sum of bytes that it sees at a real-mode address below 1 MiB. */
  async sum(address: number, lengthBytes: number): Promise<number> {
    this.#setNumber(MAILBOX.place, realModePlace(address));
    await this.guest("sum-bytes", lengthBytes);
    return this.#number(MAILBOX.result);
  }

  async fill(address: number, lengthBytes: number, value: number): Promise<void> {
    this.#setNumber(MAILBOX.place, realModePlace(address));
    this.#setNumber(MAILBOX.value, value);
    await this.guest("fill-bytes", lengthBytes);
  }

  /** Cycles that the guest noted for its last order, in the order of their turns. */
  times(count: number): number[] {
    const bytes = this.read(TIMES, 4 * count);
    return Array.from({ length: count }, (_, index) => bytes.readUInt32LE(4 * index));
  }

  async end(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#child.once("close", () => resolve()));
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill("SIGKILL");
      await ended;
    }
    for (const fd of [this.memoryFd, ...this.#eventfds]) closeSync(fd);
  }
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  const deadlineMs = performance.now() + GUEST_DEADLINE_MS;
  while (!isSo()) {
    if (performance.now() > deadlineMs) throw new RefusedByKvm(0, `${what} did not come within ${GUEST_DEADLINE_MS} ms`);
    await sleep(LOOK_MS);
  }
}
