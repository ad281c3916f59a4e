/** A part of guest memory as sync-sysmem describes it; its fd travels beside the message, in the same order. */
export interface Region {
  /** Guest physical address. */
  readonly address: bigint;
  readonly sizeBytes: bigint;
  /** Where in the file it begins. */
  readonly offset: bigint;
}

/** The whole of guest memory, in place of what was shared before. */
export interface SyncSysmem {
  readonly command: "sync-sysmem";
  readonly regions: readonly Region[];
}

export interface Ret {
  readonly command: "ret";
  /** Null: without payload, as device-reset is answered. */
  readonly value: bigint | null;
}

export interface ConfigAccess {
  readonly command: "config-read" | "config-write";
  /** Register in configuration space. */
  readonly address: number;
  /** What to write; 0 in a read. */
  readonly value: number;
  /** Bytes: 1, 2 or 4. */
  readonly length: number;
}

export interface BarAccess {
  readonly command: "bar-read" | "bar-write";
  /** Guest physical address, or I/O port: not an offset into the BAR. */
  readonly address: bigint;
  readonly value: bigint;
  /** Bytes: 1, 2, 4 or 8. */
  readonly size: number;
  /** False: an I/O port. */
  readonly memory: boolean;
}

/** Beside it two eventfds: the device raises the first, and is told by the second that the interrupt was taken. */
export interface SetIrqfd {
  readonly command: "set-irqfd";
}

export interface DeviceReset {
  readonly command: "device-reset";
}

export type Request = SyncSysmem | ConfigAccess | BarAccess | SetIrqfd | DeviceReset;
export type Message = Request | Ret;

/** `strict` takes what this protocol's specification allows; `lenient` whatever QEMU takes. docs/protocol.md lists the difference. */
export type Strictness = "strict" | "lenient";
