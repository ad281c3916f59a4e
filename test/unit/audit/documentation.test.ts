import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { CHECKS, FILTER_ITEMS, PROCESS_ITEMS } from "../../../src/audit/index.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";

const test = suite("documentation of the audit");

const FILE = join(repositoryRoot, "docs/audit.md");

/** The lists of docs/audit.md, by the marks around them, as the code has them. */
const SECTIONS: Readonly<Record<string, readonly string[]>> = {
  items: [
    "| item | of | weight | systemd |",
    "| --- | --- | --- | --- |",
    ...FILTER_ITEMS.map(({ item, weight, systemd }) => `| ${item} | filters | ${weight} | ${systemd ?? ""} |`),
    ...PROCESS_ITEMS.map(({ item, weight, systemd }) => `| ${item} | processes | ${weight} | ${systemd ?? ""} |`),
  ],
  checks: [
    "| id | severity | finds | judges |",
    "| --- | --- | --- | --- |",
    ...CHECKS.map(({ id, severity, title, on }) => `| \`${id}\` | ${severity} | ${title} | ${on} |`),
  ],
};

for (const [name, lines] of Object.entries(SECTIONS)) {
  test(`docs/audit.md, ${name}: what the code has (else run with BULKHEAD_UPDATE_GOLDEN=1)`, () => {
    const text = readFileSync(FILE, "utf8");
    const section = new RegExp(`<!-- ${name} -->\n[^]*?<!-- /${name} -->`);
    assert.match(text, section);
    const updated = text.replace(section, `<!-- ${name} -->\n\n${lines.join("\n")}\n\n<!-- /${name} -->`);
    if (process.env["BULKHEAD_UPDATE_GOLDEN"] === "1" && text !== updated) {
      writeFileSync(FILE, updated);
      throw new Error("docs/audit.md was rewritten: review it, and run without BULKHEAD_UPDATE_GOLDEN");
    }
    assert.is(text, updated);
  });
}

test.run();
