import { createRequire } from "node:module";
import type { ZodMiniType } from "zod/mini";

type Zod = typeof import("zod/mini");

// Loaded when a schema is asked for: what writes events needs none of it, and it takes 56 ms.
const require = createRequire(import.meta.url);

/** What each event tells beside its time, its name and its VM. */
function fieldsOf(z: Zod): Readonly<Record<string, Readonly<Record<string, ZodMiniType>>>> {
  const text = z.string();
  const process = { process: text, detail: text };
  return {
    launch: { accel: z.enum(["kvm", "tcg"]) },
    running: {},
    "launch-failed": { message: text },
    "launcher-confined": { capabilities: z.array(text) },
    refusal: { ...process, syscall: text },
    intrusion: { ...process, syscall: z.optional(z.nullable(text)) },
    hang: { ...process, silentMs: z.int().check(z.nonnegative()) },
    death: process,
    pause: process,
    watchdog: { ...process, action: text },
    adopted: { differences: z.int().check(z.nonnegative()) },
    "control-refused": { uid: z.nullable(z.int().check(z.nonnegative())) },
    "device-added": process,
    "device-removed": process,
    relabel: { path: text, detail: text },
    "label-left": { path: text, detail: text },
    stop: {},
    end: { process: z.nullable(text), reason: text, detail: text, exitCode: z.int().check(z.nonnegative(), z.maximum(255)) },
    cleanup: {},
    "cleanup-failed": { message: text },
  };
}

/** The schema of one line of the event log: one shape for each event, and no member that is not named. */
export function eventSchema(): ZodMiniType {
  const z = require("zod/mini") as Zod;
  z.config({ jitless: true });
  const shapes = Object.entries(fieldsOf(z)).map(([event, fields]) =>
    z.strictObject({
      time: z.iso.datetime().check(z.describe("when it happened, ISO 8601 in UTC")),
      event: z.literal(event),
      vm: z.string().check(z.describe("name of the VM")),
      ...fields,
    }),
  );
  return z.union(shapes);
}

/** JSON Schema (draft 2020-12) of one line of the event log. Published in docs/schema/. */
export function eventJsonSchema(): Readonly<Record<string, unknown>> {
  const z = require("zod/mini") as Zod;
  return { title: "Bulkhead event, one line of events.jsonl", ...z.toJSONSchema(eventSchema(), { target: "draft-2020-12" }) };
}

/** What is wrong with a line of the log; null when it is one of the events. */
export function findEventFault(line: string): string | null {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch {
    return "it is no JSON";
  }
  const result = eventSchema().safeParse(event);
  return result.success ? null : JSON.stringify(result.error.issues);
}
