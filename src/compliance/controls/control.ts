import type { Layer } from "../../spec/index.js";

/** Who may refuse an act: a layer of confinement, or one of ours that is no property of the process. */
export type Refuser = Layer | "protocol" | "launcher" | "memory";

/** One thing that a process must not be able to do, and the nearest one that it must. One file each: docs/compliance.md. */
export interface Control {
  /** `PRO-01`: three letters of the group, a number. */
  readonly id: string;
  readonly group: string;
  readonly title: string;
  /** What an attacker would gain, as a sentence. */
  readonly threat: string;
  /** Who refuses it; each that this host has must be able to. */
  readonly layers: readonly Refuser[];
  /** Parts of those layers without which it is unmet, by the words of a plan's `lacks`: `memory controller`. */
  readonly needs: readonly string[];
  /** Roles that it applies to; null: all. */
  readonly roles: readonly string[] | null;
  readonly act: readonly ActStep[];
  readonly twin: Twin;
  /** Tried where of the layers that can be taken away only its own stand: what each holds by itself. */
  readonly alone: boolean;
  /** Whether the table of layers that would each have refused alone has it. */
  readonly depth: boolean;
  /** The file it stands in. */
  readonly file: string;
}

/** The nearest act that must succeed. */
export interface Twin {
  readonly title: string;
  readonly steps: readonly ActStep[];
}

/** One step of an act; the first that fails ends it. */
export type ActStep = CallStep | MemoryStep | SpinStep;

export interface CallStep {
  readonly kind: "call";
  /** Name of the system call. */
  readonly call: string;
  /** At most six. */
  readonly args: readonly ActArgument[];
  /** How often, until one fails. */
  readonly repeat: number;
  /** Later steps name the answer `$NAME`. */
  readonly as: string | null;
}

export interface MemoryStep {
  readonly kind: "load" | "store" | "jump";
  readonly address: ActArgument;
  /** What is stored; 0 otherwise. */
  readonly value: ActArgument;
  readonly as: string | null;
}

/** Never answers again. */
export interface SpinStep {
  readonly kind: "spin";
}

/**
 * A number; `NAME|NAME` of constants; `$NAME` or `$NAME+8` of an answer; `text:...`, `hex:...` or `room:SIZE`, the address of such
 * bytes; or a list, the address of 8-byte words of which each is an argument again.
 */
export type ActArgument = bigint | string | readonly ActArgument[];
