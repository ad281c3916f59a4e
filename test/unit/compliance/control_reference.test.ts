import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { readControlFolders } from "../../../src/compliance/index.js";
import { REFERENCE_HEADING, writeControlReference } from "../../../src/compliance/report/control_reference.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";

const test = suite("docs/compliance.md");

test("its list is every control that comes with Bulkhead (else run: node scripts/generate_control_reference.mjs)", async () => {
  const page = readFileSync(join(repositoryRoot, "docs/compliance.md"), "utf8");
  const controls = await readControlFolders([join(repositoryRoot, "controls")]);
  assert.is(page.slice(page.indexOf(REFERENCE_HEADING)), writeControlReference(controls));
});

test.run();
