import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { hostFileJsonSchema, type JsonSchema, vmFileJsonSchema } from "../../../src/spec/index.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";

const test = suite("JSON Schemas of both files");

const SCHEMAS: readonly (readonly [string, () => JsonSchema])[] = [
  ["vm-file", vmFileJsonSchema],
  ["host-file", hostFileJsonSchema],
];

for (const [name, makeSchema] of SCHEMAS) {
  test(`published ${name} schema: is what the check is made from (else run: node scripts/generate_schemas.mjs)`, () => {
    const published = readFileSync(join(repositoryRoot, "docs/schema", `${name}.schema.json`), "utf8");
    assert.is(published, `${JSON.stringify(makeSchema(), null, 2)}\n`);
  });

  test(`${name} schema: no mapping takes unknown keys`, () => {
    const open = findOpenMappings(makeSchema(), name);
    assert.equal(open, []);
  });
}

test("VM file schema: the keys with a default are not required", () => {
  const schema = vmFileJsonSchema();
  assert.equal(schema["required"], ["name", "machine"]);
});

function findOpenMappings(schema: unknown, place: string): string[] {
  if (typeof schema !== "object" || schema === null) return [];
  const { type, additionalProperties } = schema as { readonly type?: unknown; readonly additionalProperties?: unknown };
  const own = type === "object" && additionalProperties !== false ? [place] : [];
  return [...own, ...Object.entries(schema).flatMap(([key, value]) => findOpenMappings(value, `${place}.${key}`))];
}

test.run();
