import { once } from "node:events";
import { closeSync, fstatSync } from "node:fs";
import { Socket } from "node:net";
import { addon } from "../../../src/kernel/index.js";
import { QmpClient, type QmpEvent } from "../../../src/machine/index.js";

export const GREETING = { QMP: { version: { qemu: { major: 7, minor: 2, micro: 22 } }, capabilities: ["oob"] } };

/** What the client asked, as the peer reads it. */
export interface Command {
  readonly execute: string;
  readonly arguments?: unknown;
  readonly id: number;
}

/** The other end of a QmpClient's socket: the test plays QEMU on it, honest or not. */
export class ScriptedMonitor {
  readonly client: QmpClient;
  readonly events: QmpEvent[] = [];
  readonly #peer: Socket;
  readonly #clientInode: number;
  #text = "";

  constructor() {
    const [own, given] = addon.socketPair();
    this.#clientInode = fstatSync(given).ino;
    this.#peer = new Socket({ fd: own });
    this.#peer.setEncoding("utf8").on("data", (text: string) => {
      this.#text += text;
    });
    // The client may close while the peer still writes a flood.
    this.#peer.on("error", () => {});
    this.client = new QmpClient(given, "disk0");
    this.client.onEvent((event) => this.events.push(event));
  }

  /** Writes as it is: several lines, half a line, anything. */
  write(text: string | Buffer): void {
    this.#peer.write(text);
  }

  send(...messages: readonly unknown[]): void {
    this.write(messages.map((message) => `${JSON.stringify(message)}\n`).join(""));
  }

  /** Waits until the client has read all that was written. */
  async taken(): Promise<void> {
    const diag = addon.openSocketDiag();
    try {
      while (this.#peer.writableLength > 0 || addon.unreadBytes({ fd: diag, inode: this.#clientInode }) > 0) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      closeSync(diag);
    }
  }

  /** The client's next command, in the order in which it sent them. */
  async nextCommand(): Promise<Command> {
    while (!this.#text.includes("\n")) await once(this.#peer, "data");
    // A byte that is no UTF-8, with which a client brings QEMU's parser into a known state.
    this.#text = this.#text.replace(/^\ufffd\n/, "");
    while (!this.#text.includes("\n")) await once(this.#peer, "data");
    const end = this.#text.indexOf("\n");
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return JSON.parse(line) as Command;
  }

  /** Greets and accepts the negotiation. */
  async open(): Promise<void> {
    const opened = this.client.open();
    this.send(GREETING);
    const { id } = await this.nextCommand();
    this.send({ return: {}, id });
    await opened;
  }

  close(): void {
    this.client.close();
    this.#peer.destroy();
  }
}
