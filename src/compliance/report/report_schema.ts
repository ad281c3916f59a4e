import { createRequire } from "node:module";
import type { ZodMiniType } from "zod/mini";
import { ComplianceInputError } from "../../errors/index.js";
import { type ComplianceReport, VERDICTS } from "./compliance_report.js";

type Zod = typeof import("zod/mini");

// Loaded when a report is checked: writing one needs none of it.
const require = createRequire(import.meta.url);

/** The shape of ComplianceReport; no member that is not named. */
export function reportSchema(): ZodMiniType {
  const z = require("zod/mini") as Zod;
  z.config({ jitless: true });
  const text = z.string();
  const count = z.int().check(z.nonnegative());
  const said = (description: string) => z.array(text).check(z.describe(description));
  const control = z.strictObject({
    id: text.check(z.describe("stable id, as SYS-01")),
    title: text,
    group: text,
    role: text,
    verdict: z.enum(VERDICTS),
    layer: z.nullable(text).check(z.describe("layer credited with the refusal; null: none")),
    evidence: said("what was seen, a sentence each"),
  });
  const alone = z.strictObject({ layer: text, refuses: z.boolean() });
  const without = z.strictObject({ layer: text, refusedBy: z.nullable(text) });
  return z.strictObject({
    schemaVersion: z.literal(1),
    tool: z.strictObject({ name: z.literal("bulkhead"), version: text }),
    profile: z.enum(["host", "lab"]),
    time: z.iso.datetime().check(z.describe("when the run ended, UTC")),
    host: z.strictObject({
      kernel: text,
      securityModules: z.nullable(z.array(text)),
      qemu: text,
      libc: text,
      policies: z.record(text, text).check(z.describe("SHA-256 of each role's resolved policy")),
      layers: z.record(text, text),
    }),
    controls: z.array(control),
    plans: z.array(z.strictObject({ role: text, differences: said("PATH: QEMU's -> the hostile process's") })),
    depth: z.array(z.strictObject({ act: text, role: text, bare: text, alone: z.array(alone), without: z.array(without) })),
    mutation: z.nullable(
      z.strictObject({
        key: text,
        mutants: count,
        equivalent: count,
        noticed: count,
        uncovered: said("ids of mutants that no control noticed"),
      }),
    ),
  });
}

/** JSON Schema (draft 2020-12) of the report. Published in docs/schema/. */
export function reportJsonSchema(): Readonly<Record<string, unknown>> {
  const z = require("zod/mini") as Zod;
  return { title: "Bulkhead compliance report", ...z.toJSONSchema(reportSchema(), { target: "draft-2020-12" }) };
}

/** Reads a report. Throws ComplianceInputError "report-malformed"; `file` names it in messages. */
export function parseReport(text: string, file: string): ComplianceReport {
  const malformed = (answer: string) =>
    new ComplianceInputError({
      code: "report-malformed",
      tried: `Cannot read the report ${file}`,
      subject: file,
      answer,
      remedy: "Give a report that `bulkhead comply --format json` wrote.",
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed("it is no JSON");
  }
  const result = reportSchema().safeParse(value);
  if (result.success) return value as ComplianceReport;
  const issue = result.error.issues[0];
  throw malformed(`${issue?.path.join(".") || "the document"}: ${issue?.message ?? "not of the published shape"}`);
}
