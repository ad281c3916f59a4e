// Writes docs/schema/*.schema.json from the schemas of the files, the event log and what commands print. Run after a build:
// node scripts/generate_schemas.mjs
// test/unit/spec/json_schema.test.ts, test/unit/state/event_schema.test.ts, test/unit/audit/report_schema.test.ts and
// test/unit/cli/schemas.test.ts fail while the published files differ.
import { mkdirSync, writeFileSync } from "node:fs";

const build = process.argv[2] ?? "dist";
const root = new URL("../", import.meta.url);
const { reportJsonSchema: auditJsonSchema } = await import(new URL(`${build}/src/audit/index.js`, root).href);
const { eventJsonSchema } = await import(new URL(`${build}/src/state/index.js`, root).href);
const { commandJsonSchema, REPORTING_COMMANDS } = await import(new URL(`${build}/src/cli/schemas/index.js`, root).href);
const { hostFileJsonSchema, vmFileJsonSchema } = await import(new URL(`${build}/src/spec/index.js`, root).href);
const { reportJsonSchema } = await import(new URL(`${build}/src/compliance/report/report_schema.js`, root).href);

const folder = new URL("docs/schema/", root);
mkdirSync(folder, { recursive: true });
for (const [name, schema] of [
  ["vm-file", vmFileJsonSchema()],
  ["host-file", hostFileJsonSchema()],
  ["event", eventJsonSchema()],
  ["audit", auditJsonSchema()],
  ["compliance-report", reportJsonSchema()],
  ...REPORTING_COMMANDS.map((command) => [command, commandJsonSchema(command)]),
]) {
  writeFileSync(new URL(`${name}.schema.json`, folder), `${JSON.stringify(schema, null, 2)}\n`);
}
