// Loaded by what generates and checks the published schemas, never by a command.
import * as z from "zod/mini";
import { planSchema } from "./plan_schema.js";
import { doctorSchema, inspectionSchema, psSchema } from "./report_schemas.js";

const SCHEMAS = {
  plan: { title: "bulkhead plan FILE --json", schema: planSchema },
  ps: { title: "bulkhead ps --json", schema: psSchema },
  inspect: { title: "bulkhead inspect VM --json", schema: inspectionSchema },
  doctor: { title: "bulkhead doctor --json", schema: doctorSchema },
} as const;

/** Commands whose JSON has a published schema. */
export type ReportingCommand = keyof typeof SCHEMAS;
export const REPORTING_COMMANDS = Object.keys(SCHEMAS) as readonly ReportingCommand[];

/** JSON Schema (draft 2020-12) of what a command prints with --json. Published in docs/schema/. */
export function commandJsonSchema(command: ReportingCommand): Readonly<Record<string, unknown>> {
  const { title, schema } = SCHEMAS[command];
  return { title, ...z.toJSONSchema(schema, { target: "draft-2020-12", reused: "ref" }) };
}

/** What is wrong with the JSON that a command printed; null when nothing is. */
export function findReportFault(command: ReportingCommand, printed: string): string | null {
  const result = SCHEMAS[command].schema.safeParse(JSON.parse(printed));
  return result.success ? null : JSON.stringify(result.error.issues);
}
