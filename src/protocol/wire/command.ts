/** The commands by number, MPQemuCmd: QEMU include/hw/remote/mpqemu-link.h. */
export const COMMANDS = [
  "sync-sysmem",
  "ret",
  "config-write",
  "config-read",
  "bar-write",
  "bar-read",
  "set-irqfd",
  "device-reset",
] as const;
export type Command = (typeof COMMANDS)[number];

/** `int32 cmd`, 4 bytes of padding, `uint64 size`. */
export const HEADER_BYTES = 16;

/** Largest payload: that of sync-sysmem. */
export const PAYLOAD_BYTES_MAX = 192;

/** REMOTE_MAX_FDS: places for memory regions in sync-sysmem. A receiver refuses eight fds, so one place is never used. */
export const REGION_PLACES = 8;

/** Most fds that any message carries. */
export const FDS_MAX = REGION_PLACES - 1;

/** Configuration space of a conventional PCI device: PCI Local Bus Specification 3.0, 6.1. */
export const CONFIG_BYTES = 256;

/** Bytes of payload by command. A ret has none when it answers device-reset. */
export const PAYLOAD_BYTES: Readonly<Record<Command, readonly number[]>> = {
  "sync-sysmem": [PAYLOAD_BYTES_MAX],
  ret: [8, 0],
  "config-write": [12],
  "config-read": [12],
  "bar-write": [24],
  "bar-read": [24],
  "set-irqfd": [0],
  "device-reset": [0],
};

/** Fewest and most fds by command. */
export const FD_COUNTS: Readonly<Record<Command, readonly [min: number, max: number]>> = {
  "sync-sysmem": [1, FDS_MAX],
  ret: [0, 0],
  "config-write": [0, 0],
  "config-read": [0, 0],
  "bar-write": [0, 0],
  "bar-read": [0, 0],
  "set-irqfd": [2, 2],
  "device-reset": [0, 0],
};

/** What a command is answered with: a ret with a value, a ret without, or nothing. */
export const REPLIES: Readonly<Record<Exclude<Command, "ret">, "value" | "empty" | "none">> = {
  "sync-sysmem": "none",
  "config-write": "value",
  "config-read": "value",
  "bar-write": "value",
  "bar-read": "value",
  "set-irqfd": "none",
  "device-reset": "empty",
};
