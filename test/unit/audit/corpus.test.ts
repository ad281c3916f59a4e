import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { CHECKS, type FilterFacts, runChecks } from "../../../src/audit/index.js";
import { PLANTS, type Plant } from "../../support/audit/corpus/plants.js";
import { foreignFacts, programFacts } from "../../support/audit/filter_fixtures.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";

/** Each policy is judged in some 0.1 s of CPU time. */
const test = suite("policies that people ship, with planted defects", { timeoutMs: 20_000 });

const FILES = ["block_device.policy", "container.json", "microvm.json", "service.asm"] as const;
const textOf = (file: string): string => readFileSync(join(repositoryRoot, "test/support/audit/corpus", file), "utf8");

function factsOf(file: Plant["file"], text: string): FilterFacts {
  switch (file) {
    case "block_device.policy":
      return foreignFacts("minijail", text);
    case "container.json":
      return foreignFacts("oci", text);
    case "microvm.json":
      return foreignFacts("seccompiler", text);
    case "service.asm":
      return programFacts(text);
  }
}

function idsFound(facts: FilterFacts): string[] {
  const { findings, unknown } = runChecks(CHECKS, [facts]);
  assert.equal(unknown, []);
  return [...new Set(findings.map(({ id }) => id))].sort();
}

for (const file of FILES) {
  test(`${file}: nothing is found as it stands`, () => {
    assert.equal(runChecks(CHECKS, [factsOf(file, textOf(file))]).findings, []);
  });
}

for (const { file, name, from, to, found } of PLANTS) {
  test(`${file}, ${name}: that is found, and nothing else`, () => {
    const text = textOf(file);
    assert.ok(text.includes(from), "the plant does not fit its file");
    assert.equal(idsFound(factsOf(file, text.replace(from, to))), [...found].sort());
  });
}

test.run();
