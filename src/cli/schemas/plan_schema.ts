import * as z from "zod/mini";
import type {
  FdSource,
  LandlockPlan,
  LauncherPlan,
  LaunchPlan,
  ProcessPlan,
  SeccompPlan,
  SelinuxPlan,
} from "../../plan/index.js";
import { WATCHDOG_ACTIONS } from "../../spec/index.js";
import { access, count, layerStatuses, limit, type SchemaOf, schemaVersion, text, texts, vm } from "./terms.js";

export const landlock: SchemaOf<LandlockPlan> = z.strictObject({
  abi: count,
  handledFs: texts,
  handledNet: texts,
  scoped: texts,
  rules: z.array(z.strictObject({ path: text, access: texts })),
});

export const seccomp: SchemaOf<SeccompPlan> = z.strictObject({
  start: texts,
  run: texts,
  instructions: count,
  sha256: text,
  generator: text,
  generatorWhy: text,
});

/** What the launcher keeps once the guest runs. */
export const launcher: SchemaOf<LauncherPlan> = z.strictObject({
  capabilities: texts,
  noNewPrivs: z.literal(true),
  seccomp,
  landlock: z.nullable(landlock),
  selinux: z.exactOptional(z.strictObject({ context: text })),
});

const fdSource: SchemaOf<FdSource> = z.union([
  z.strictObject({ from: z.enum(["null", "log", "monitor", "serial"]) }),
  z.strictObject({ from: z.literal("channel"), device: text }),
  z.strictObject({ from: z.literal("image"), device: text, path: text }),
  z.strictObject({ from: z.enum(["backing", "data"]), device: text, layer: count, path: text }),
  z.strictObject({ from: z.literal("tap"), name: text }),
]);

export const fd = z.strictObject({
  fd: count,
  kind: z.enum(["null", "pipe", "unix-stream", "file", "block", "tap", "kvm", "eventfd", "memfd"]),
  purpose: text,
  access,
  source: fdSource,
});

export const selinux: SchemaOf<SelinuxPlan> = z.strictObject({
  context: text,
  image: z.nullable(text),
  sharedImage: text,
  node: text,
  tap: text,
  log: text,
  monitor: text,
  channel: text,
  root: text,
  program: text,
});

export const rootEntry = z.strictObject({
  target: text,
  source: text,
  access: z.enum(["ro", "rw"]),
  kind: z.enum(["bind", "tmpfs", "dev", "proc"]),
});

export const limitFiles = z.record(text, text);

/** What a process makes itself, at most. */
export const selfMade = z.array(z.strictObject({ kind: text, max: count }));

const processPlan: SchemaOf<ProcessPlan> = z.strictObject({
  id: text,
  role: text,
  program: z.exactOptional(text),
  argv: texts,
  env: z.record(text, text),
  uid: count,
  gid: count,
  umask: count,
  hostName: text,
  namespaces: z.array(z.enum(["user", "mount", "pid", "net", "ipc", "uts", "cgroup"])),
  capabilities: texts,
  noNewPrivs: z.literal(true),
  fds: z.array(fd),
  selfMade,
  afterLockDown: z.enum(["refuse", "kill"]),
  attach: z.array(z.strictObject({ path: text, access, purpose: text })),
  absent: z.array(z.strictObject({ path: text, purpose: text })),
  monitor: z.array(z.strictObject({ execute: text, arguments: z.exactOptional(z.record(text, z.unknown())) })),
  onWatchdog: z.exactOptional(z.enum(WATCHDOG_ACTIONS)),
  warning: z.exactOptional(text),
  root: z.array(rootEntry),
  nodes: z.array(z.strictObject({ name: text, major: count, minor: count, mode: count })),
  seccomp,
  landlock: z.nullable(landlock),
  limits: z.record(text, limit),
  cgroup: z.nullable(z.strictObject({ path: text, files: limitFiles })),
  selinux: z.nullable(selinux),
  layers: layerStatuses,
  hotPlugSlot: z.exactOptional(count),
});

const serial = z.union([
  z.strictObject({ kind: z.enum(["stdio", "none"]) }),
  z.strictObject({ kind: z.literal("file"), file: text }),
]);

/** `bulkhead plan FILE --json`. */
export const planSchema: SchemaOf<LaunchPlan> = z.strictObject({
  schemaVersion,
  vm,
  machine: z.strictObject({
    accel: z.enum(["kvm", "tcg"]),
    accelWhy: text,
    memoryBytes: count,
    cpus: count,
    serial,
    hotPlugSlots: z.exactOptional(count),
  }),
  judges: z.array(processPlan),
  processes: z.array(processPlan),
  launcher,
  cgroup: z.nullable(z.strictObject({ path: text, controllers: texts, files: limitFiles })),
  onDeviceExit: z.enum(["stop", "pause"]),
  hangDeadlineMs: count,
  shutdownGraceMs: count,
});
