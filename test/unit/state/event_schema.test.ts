import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { eventJsonSchema, findEventFault } from "../../../src/state/index.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";

const test = suite("schema of the event log");

test("published event schema: is what the check is made from (else run: node scripts/generate_schemas.mjs)", () => {
  const published = readFileSync(join(repositoryRoot, "docs/schema/event.schema.json"), "utf8");
  assert.is(published, `${JSON.stringify(eventJsonSchema(), null, 2)}\n`);
});

const TIME = "2026-11-22T09:00:00.000Z";
const line = (members: object) => JSON.stringify({ time: TIME, vm: "web1", ...members });

test("an event passes with exactly its members", () => {
  assert.is(findEventFault(line({ event: "launch", accel: "kvm" })), null);
  assert.is(findEventFault(line({ event: "death", process: "disk0", detail: "it died" })), null);
  for (const wrong of [
    line({ event: "launch" }),
    line({ event: "launch", accel: "hvf" }),
    line({ event: "running", more: 1 }),
    line({ event: "no-such-event" }),
    JSON.stringify({ event: "running", vm: "web1" }),
    line({ event: "running", time: "yesterday" }),
    "{",
    "null",
  ]) {
    assert.is.not(findEventFault(wrong), null, wrong);
  }
});

test("every event that the sources name has its shape in the schema", () => {
  const files = readdirSync(join(repositoryRoot, "src"), { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  const calls = files.flatMap((file) => {
    const source = readFileSync(join(repositoryRoot, "src", file), "utf8");
    return [...source.matchAll(/\bevent: "([a-z-]+)", vm/g)].map((match) => match[1] ?? "");
  });
  const known = JSON.stringify(eventJsonSchema());
  assert.ok(new Set(calls).size >= 6, [...calls].join(" "));
  for (const name of calls) assert.ok(known.includes(`"const":"${name}"`), `${name} is logged and not in the schema`);
});

test.run();
