import { MachineError } from "../errors/index.js";
import type { AdditionTurn, ControlAnswer } from "./control_message.js";
import { parseMessage } from "./qmp_message.js";

/** Longest wait for the other side's turn, in ms: it judges images and starts a process, or has stopped for good. */
const TURN_DEADLINE_MS = 120_000;

/** What a supervisor and a command do in turns over one connection. */
export class Talk {
  readonly #send: (message: ControlAnswer) => void;
  #hear: ((done: boolean) => void) | undefined;
  #gone = false;

  constructor(send: (message: ControlAnswer) => void) {
    this.#send = send;
  }

  /** Gives the other side its turn; resolves when that has done it. Throws MachineError "addition-abandoned" when it has not. */
  async ask(turn: AdditionTurn): Promise<void> {
    if (this.#gone) throw abandoned("it went away");
    const answer = new Promise<boolean>((resolve) => {
      this.#hear = resolve;
    });
    const timer = setTimeout(() => this.#hear?.(false), TURN_DEADLINE_MS);
    this.#send({ turn });
    const done = await answer;
    clearTimeout(timer);
    this.#hear = undefined;
    if (!done) throw abandoned(this.#gone ? "it went away" : "it gave up");
  }

  /** A line of the other side; false when it was not its turn. */
  hear(line: string): boolean {
    if (this.#hear === undefined) return false;
    const message = parseMessage(line);
    this.#hear(typeof message !== "string" && message["done"] === true);
    return true;
  }

  /** The connection is closed. */
  leave(): void {
    this.#gone = true;
    this.#hear?.(false);
  }
}

/** The code of a failure that says no more than that the other side gave up. */
export const ADDITION_ABANDONED = "addition-abandoned";

function abandoned(answer: string): MachineError {
  return new MachineError({
    code: ADDITION_ABANDONED,
    tried: "Cannot add the device",
    subject: "device add",
    answer: `whoever was adding it: ${answer}`,
  });
}
