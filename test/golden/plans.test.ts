import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { BulkheadError } from "../../src/errors/index.js";
import type { HostFacts } from "../../src/host/index.js";
import { planLaunch } from "../../src/plan/index.js";
import { parseVmText } from "../../src/spec/index.js";
import { suite } from "../support/harness.js";
import { repositoryRoot } from "../support/repository.js";
import { formatGolden } from "./golden_json.js";
import { planInputs } from "./plan_fixtures.js";

const test = suite("plans of VM files, byte for byte");

const FOLDER = join(repositoryRoot, "test/golden/plans");
/** Rewrites the goldens. Each that changed then fails, so that no run passes by rewriting. */
const UPDATE = process.env["BULKHEAD_UPDATE_GOLDEN"] === "1";

/** `refused_NAME.yaml` gives an error; every other NAME.yaml a plan. NAME.host.json holds the host facts that are not the default. */
const REFUSED = "refused_";

const names = readdirSync(FOLDER);
const cases = names.filter((name) => name.endsWith(".yaml")).map((name) => name.slice(0, -".yaml".length));

function goldenName(name: string): string {
  return name.startsWith(REFUSED) ? `${name}.error.txt` : `${name}.plan.json`;
}

function planOf(name: string): ReturnType<typeof planLaunch> {
  const file = `${name}.yaml`;
  const spec = parseVmText(readFileSync(join(FOLDER, file), "utf8"), { file, directory: "/vms" });
  const hostFile = join(FOLDER, `${name}.host.json`);
  const facts = existsSync(hostFile) ? (JSON.parse(readFileSync(hostFile, "utf8")) as Partial<HostFacts>) : {};
  return planLaunch(planInputs(spec, facts));
}

/** Class, code, exit code, place and message of what is thrown. */
function refusalOf(name: string): string {
  try {
    planOf(name);
  } catch (error) {
    if (!(error instanceof BulkheadError)) throw error;
    return `${error.name} ${error.code}, exit code ${error.exitCode}, subject ${error.subject}\n${error.message}\n`;
  }
  throw new Error(`${name}.yaml gives a plan`);
}

function compareWithGolden(name: string, text: string): void {
  const path = join(FOLDER, goldenName(name));
  const golden = existsSync(path) ? readFileSync(path, "utf8") : null;
  if (UPDATE && golden !== text) {
    writeFileSync(path, text);
    throw new Error(`${path} was rewritten: review it, and run without BULKHEAD_UPDATE_GOLDEN`);
  }
  assert.ok(golden !== null, `${goldenName(name)} is missing; BULKHEAD_UPDATE_GOLDEN=1 writes it`);
  assert.fixture(text, golden);
  // Byte for byte: the line above shows the difference, and forgives white space.
  assert.is(text, golden);
}

for (const name of cases) {
  test(name.replaceAll("_", " "), () => {
    compareWithGolden(name, name.startsWith(REFUSED) ? refusalOf(name) : formatGolden(planOf(name)));
  });
}

test("every file of the folder belongs to a case, and there are at least 25 plans", () => {
  const expected = cases.flatMap((name) => [`${name}.yaml`, `${name}.host.json`, goldenName(name)]);
  assert.equal(
    names.filter((name) => !expected.includes(name)),
    [],
  );
  assert.ok(cases.filter((name) => !name.startsWith(REFUSED)).length >= 25);
});

test("BULKHEAD_UPDATE_GOLDEN: a run that may rewrite never passes", () => {
  assert.not.ok(UPDATE, "BULKHEAD_UPDATE_GOLDEN is set");
});

test.run();
