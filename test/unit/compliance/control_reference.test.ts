import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { readControlFolders } from "../../../src/compliance/index.js";
import { REFERENCE_HEADING, writeControlReference } from "../../../src/compliance/report/control_reference.js";
import { readMutationRecord } from "../../../src/compliance/report/mutation_record.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";

const test = suite("docs/compliance.md");

test("it lists every control that comes with Bulkhead, and what the mutation came to (else run: node scripts/generate_control_reference.mjs)", async () => {
  const page = readFileSync(join(repositoryRoot, "docs/compliance.md"), "utf8");
  const controls = await readControlFolders([join(repositoryRoot, "policies/controls")]);
  assert.is(
    page.slice(page.indexOf(REFERENCE_HEADING)),
    writeControlReference(controls, readMutationRecord(join(repositoryRoot, "policies"))),
  );
});

test.run();
