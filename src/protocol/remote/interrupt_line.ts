import { closeSync } from "node:fs";
import { addon, type FdWatch } from "../../kernel/index.js";

/**
 * INTx of one device, level triggered. The VMM hears of it by an eventfd, once when the level rises and once more each time it
 * says, by the other eventfd, that the guest is done with the interrupt while the level is still high.
 */
export class InterruptLine {
  #level = false;
  #masked = false;
  #bound: { readonly irqFd: number; readonly resampleFd: number; readonly watch: FdWatch } | null = null;

  get level(): boolean {
    return this.#level;
  }

  /** Asserts the line until lower(). */
  raise(): void {
    if (this.#level) return;
    this.#level = true;
    this.#signal();
  }

  lower(): void {
    this.#level = false;
  }

  /** The command register's INTx disable. A line that is high is heard of when it is unmasked. */
  mask(masked: boolean): void {
    const rises = this.#masked && !masked;
    this.#masked = masked;
    if (rises) this.#signal();
  }

  /** Takes two eventfds over, in place of those before. */
  bind(irqFd: number, resampleFd: number): void {
    this.unbind();
    const watch = new addon.FdWatch({ fd: resampleFd, onReady: () => this.#resample() });
    watch.watch({ readable: true, writable: false });
    this.#bound = { irqFd, resampleFd, watch };
    // Whoever bound it has not heard of a level that was high before.
    this.#signal();
  }

  /** Closes what was bound. Idempotent. */
  unbind(): void {
    if (this.#bound === null) return;
    const { irqFd, resampleFd, watch } = this.#bound;
    this.#bound = null;
    watch.close();
    closeSync(irqFd);
    closeSync(resampleFd);
  }

  #resample(): void {
    if (this.#bound === null) return;
    if (addon.takeEventfd({ fd: this.#bound.resampleFd }) > 0n) this.#signal();
  }

  #signal(): void {
    if (this.#level && !this.#masked && this.#bound !== null) addon.signalEventfd({ fd: this.#bound.irqFd });
  }
}
