// Writes the end of docs/compliance.md from the record of mutation and the control files. Run after a build: node scripts/generate_control_reference.mjs
// test/unit/compliance/control_reference.test.ts fails while the page differs.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);
const { readControlFolders } = await import(new URL("dist/src/compliance/index.js", root).href);
const { REFERENCE_HEADING, writeControlReference } = await import(
  new URL("dist/src/compliance/report/control_reference.js", root).href
);
const { readMutationRecord } = await import(new URL("dist/src/compliance/report/mutation_record.js", root).href);

const page = new URL("docs/compliance.md", root);
const [prose] = readFileSync(page, "utf8").split(REFERENCE_HEADING);
const controls = await readControlFolders([fileURLToPath(new URL("policies/controls", root))]);
writeFileSync(page, `${prose}${writeControlReference(controls, readMutationRecord(fileURLToPath(new URL("policies", root))))}`);
