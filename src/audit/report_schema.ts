import { createRequire } from "node:module";
import type { ZodMiniType } from "zod/mini";
import { SEVERITIES } from "./finding.js";

type Zod = typeof import("zod/mini");

// Loaded when a schema is asked for: what writes reports needs none of it, and it takes 56 ms.
const require = createRequire(import.meta.url);

function loadZod(): Zod {
  const z = require("zod/mini") as Zod;
  z.config({ jitless: true });
  return z;
}

/** The schema of what `bulkhead audit --format json` prints; no member that is not named. */
export function reportSchema(): ZodMiniType {
  const z = loadZod();
  const location = z.strictObject({
    file: z.string(),
    line: z.int().check(z.positive()),
    column: z.optional(z.int().check(z.positive())),
  });
  const finding = {
    id: z.string().check(z.describe("the check: `bulkhead audit explain ID`")),
    severity: z.enum(SEVERITIES),
    title: z.string(),
    subject: z.string(),
    evidence: z.string(),
    remedy: z.string(),
    location: z.optional(location),
  };
  const figure = z.nullable(z.number().check(z.minimum(0), z.maximum(10)));
  const grant = { subject: z.string(), grant: z.string(), from: z.string(), why: z.string() };
  return z.strictObject({
    schemaVersion: z.literal(1),
    target: z.string().check(z.describe("as it was named")),
    exposure: figure.check(z.describe("0 to 10; of the most exposed part; null where it is not known")),
    findings: z.array(z.strictObject(finding)).check(z.describe("the gravest first")),
    unknown: z
      .array(z.strictObject({ id: z.nullable(z.string()), subject: z.string(), why: z.string() }))
      .check(z.describe("what could not be read or decided; id is null where no check could be asked")),
    exposures: z.array(z.strictObject({ subject: z.string(), figure })).check(z.describe("by part of the target")),
    exempted: z.optional(z.array(z.strictObject({ ...finding, reason: z.string(), expires: z.string() }))),
    grants: z.optional(z.array(z.strictObject(grant)).check(z.describe("with --grants"))),
    picture: z.optional(pictureSchema(z)),
  });
}

/** What live processes hold and share. */
function pictureSchema(z: Zod) {
  const access = z.enum(["r", "w", "rw", "path"]);
  const fd = {
    fd: z.int(),
    kind: z.string(),
    access,
    object: z.string(),
    label: z.nullable(z.string()).check(z.describe("SELinux label of the object; null: it has none")),
    peer: z.nullable(z.string()).check(z.describe("who has the other end; null for what has none")),
  };
  const process = {
    id: z.string(),
    pid: z.int(),
    command: z.string(),
    uid: z.nullable(z.int()),
    threads: z.int(),
    namespaces: z.nullable(z.record(z.string(), z.string())),
    fds: z.array(z.strictObject(fd)),
  };
  const hold = { holder: z.string(), fd: z.nullable(z.int()), access: z.nullable(access) };
  const edge = {
    kind: z.string(),
    object: z.string(),
    purpose: z.nullable(z.string()).check(z.describe("what the plan gives it for; null: the plan does not name it")),
    holds: z.array(z.strictObject(hold)),
    undeclared: z.array(z.string()).check(z.describe("holders that the declared topology does not have")),
  };
  return z
    .strictObject({ processes: z.array(z.strictObject(process)), edges: z.array(z.strictObject(edge)) })
    .check(z.describe("of live processes: what each holds, and what several share"));
}

/** JSON Schema (draft 2020-12) of the report. Published in docs/schema/. */
export function reportJsonSchema(): Readonly<Record<string, unknown>> {
  const z = loadZod();
  return { title: "Report of bulkhead audit", ...z.toJSONSchema(reportSchema(), { target: "draft-2020-12" }) };
}

/** What is wrong with a report; null when it is one. */
export function findReportFault(report: unknown): string | null {
  const result = reportSchema().safeParse(report);
  return result.success ? null : JSON.stringify(result.error.issues);
}
