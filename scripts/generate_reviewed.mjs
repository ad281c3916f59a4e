// Writes policies/reviewed/*.json: what each role is allowed, for the compliance suite to hold policies against. Run after a build, when
// a change of a policy has been reviewed: node scripts/generate_reviewed.mjs. test/unit/compliance/reviewed_roles.test.ts fails until then.
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);
const { listRoles, loadRolePolicy } = await import(new URL("dist/src/policy/index.js", root).href);
const { writeReviewed } = await import(new URL("dist/src/compliance/boundary/reviewed_role.js", root).href);

const folder = fileURLToPath(new URL("policies", root));
mkdirSync(`${folder}/reviewed`, { recursive: true });
for (const role of listRoles(folder)) {
  writeFileSync(`${folder}/reviewed/${role}.json`, writeReviewed(loadRolePolicy({ folder, role })));
}
