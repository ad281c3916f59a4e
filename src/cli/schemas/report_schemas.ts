import * as z from "zod/mini";
import type { HostFacts } from "../../host/index.js";
import type { Inspection } from "../../machine/index.js";
import type { Layer, LayerStatuses } from "../../spec/index.js";
import { fd, landlock, launcher, limitFiles, rootEntry, selfMade, selinux } from "./plan_schema.js";
import { count, layer, layerStatuses, limit, type SchemaOf, schemaVersion, text, texts, vm } from "./terms.js";

/** Of a VM that is listed: one without a live process is not. */
const state = z.enum(["starting", "running", "paused", "stopping", "orphaned"]);
const pid = count.check(z.describe("as the caller's /proc shows it"));

/** `bulkhead ps --json`. */
export const psSchema = z.array(z.strictObject({ vm, state, processes: z.array(z.strictObject({ id: text, role: text, pid })) }));

const availability = z.union([
  z.strictObject({ available: z.literal(true) }),
  z.strictObject({ available: z.literal(false), why: text }),
]);

const host: SchemaOf<HostFacts> = z.strictObject({
  kernelRelease: text,
  memoryBytes: count,
  cpus: count,
  securityModules: z.nullable(texts),
  landlockAbi: count,
  kvm: availability,
  cgroup: z.union([
    z.strictObject({
      kind: z.literal("v2"),
      mount: text,
      controllers: z.array(z.enum(["cpu", "io", "memory", "pids"])),
      why: z.nullable(text),
    }),
    z.strictObject({ kind: z.literal("none"), why: text }),
  ]),
  coreScheduling: availability,
  selinux: z.union([
    z.strictObject({ available: z.literal(true), launcher: text }),
    z.strictObject({ available: z.literal(false), why: text }),
  ]),
});

/** `bulkhead doctor --json`. */
export const doctorSchema: SchemaOf<{ schemaVersion: 1; host: HostFacts; layers: LayerStatuses }> = z.strictObject({
  schemaVersion,
  host,
  layers: layerStatuses,
});

/** A value for each thread, in the order of thread ids. */
function perThread<Value extends z.ZodMiniType>(value: Value) {
  return z.array(z.strictObject({ tid: count, value }));
}

/** A layer's status, what was planned, and what the kernel shows now. */
function report(planned: z.ZodMiniType, observed: z.ZodMiniType) {
  const sides = { planned, observed };
  return z.union([
    z.strictObject({ status: z.literal("enforced"), ...sides }),
    z.strictObject({ status: z.literal("partial"), lacks: texts, why: text, ...sides }),
    z.strictObject({ status: z.literal("unavailable"), why: text, ...sides }),
  ]);
}

const filter = z.strictObject({
  mode: count,
  filters: count,
  sha256: text,
  generator: text,
  callsUntilLockDown: count,
  callsAfterLockDown: count,
  afterLockDown: z.enum(["refuse", "kill"]),
});
const loadedFilter = z.strictObject({
  mode: count,
  filters: count,
  programs: z.union([texts, text]).check(z.describe("SHA-256 of what the thread runs, or why that cannot be told")),
});
const mount = z.strictObject({ target: text, root: text, type: text, options: texts, superOptions: texts });
const openFd = z.strictObject({ fd: count, link: text, kind: text, access: z.enum(["r", "w", "rw", "path"]), inode: text });
const capabilitySets = z.strictObject({ inheritable: text, permitted: text, effective: text, bounding: text, ambient: text });
const ids = z.array(count);

/** What `planned` and `observed` are, by layer. */
const layers = z.strictObject({
  seccomp: report(filter, perThread(loadedFilter)),
  namespaces: report(texts, z.record(text, text)),
  root: report(z.array(rootEntry), z.array(mount)),
  fds: report(z.strictObject({ given: z.array(fd), selfMade }), z.array(openFd)),
  capabilities: report(texts, perThread(capabilitySets)),
  securebits: report(text, text),
  "no-new-privs": report(z.literal(true), perThread(z.boolean())),
  uid: report(
    z.strictObject({ uid: count, gid: count, groups: ids }),
    perThread(z.strictObject({ uids: ids, gids: ids, groups: ids })),
  ),
  dumpable: report(z.literal(false), z.boolean()),
  landlock: report(z.nullable(landlock), z.nullable(text)),
  rlimits: report(z.record(text, limit), z.record(text, z.strictObject({ soft: limit, hard: limit }))),
  cgroup: report(z.nullable(z.strictObject({ path: text, files: limitFiles })), z.nullable(text)),
  "core-scheduling": report(text, z.nullable(text)),
  selinux: report(z.nullable(selinux), perThread(z.nullable(text))),
} satisfies Record<Layer, z.ZodMiniType>);

/** `bulkhead inspect VM --json`. */
export const inspectionSchema: SchemaOf<Inspection> = z.strictObject({
  schemaVersion,
  vm,
  state,
  processes: z.array(z.strictObject({ id: text, role: text, pid, threads: count, layers })),
  launcher: z.nullable(
    z.strictObject({
      id: z.literal("launcher"),
      pid,
      threads: count,
      confined: z.boolean(),
      planned: launcher,
      observed: z.array(
        z.strictObject({
          tid: count,
          effectiveCapabilities: text,
          noNewPrivs: z.boolean(),
          seccompFilters: count,
          selinuxContext: z.nullable(text),
        }),
      ),
    }),
  ),
  differences: z.array(z.strictObject({ process: text, pid, layer, planned: text, observed: text })),
});
