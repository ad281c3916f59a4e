import type { Layer } from "../spec/index.js";

/** One way in which a process is not what its plan says. */
export interface Difference {
  readonly process: string;
  readonly pid: number;
  readonly layer: Layer;
  readonly planned: string;
  readonly observed: string;
}

/** Collects differences of one process. */
export class Comparison {
  readonly differences: Difference[] = [];
  readonly #process: string;
  readonly #pid: number;

  constructor(process: string, pid: number) {
    this.#process = process;
    this.#pid = pid;
  }

  /** Notes a difference unless both texts are equal. */
  expect(layer: Layer, planned: string, observed: string): void {
    if (planned !== observed) this.note(layer, planned, observed);
  }

  note(layer: Layer, planned: string, observed: string): void {
    this.differences.push({ process: this.#process, pid: this.#pid, layer, planned, observed });
  }
}
