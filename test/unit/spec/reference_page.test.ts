import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { parseHostText, parseVmText } from "../../../src/spec/index.js";
import { suite } from "../../support/harness.js";
import { repositoryRoot } from "../../support/repository.js";
import { HOST_ORIGIN, VM_ORIGIN } from "./spec_texts.js";

const test = suite("docs/vm-file.md");

const page = readFileSync(join(repositoryRoot, "docs/vm-file.md"), "utf8");
const [vmHalf = "", hostHalf = ""] = page.split("\n## Host file\n");

const VM_REST: Readonly<Record<string, string>> = {
  name: "name: web1",
  machine: "machine: {memory: 1M}",
  devices: "devices: [{id: disk0, role: disk, model: nvme, disk: {file: a}}]",
};

/** Examples of keys of a device stand in a device; all others get the required keys that they leave out. */
function completeVmText(example: string): string {
  const key = /^[a-zA-Z]+/.exec(example)?.[0] ?? "";
  if (["disk", "net", "serial", "usb", "audio", "watchdog", "limits"].includes(key)) {
    const role = key === "limits" ? "disk" : key;
    const backend = key === "limits" ? "    disk: {file: a}\n" : "";
    return `name: a\nmachine: {memory: 1M}\ndevices:\n  - id: a\n    role: ${role}\n    model: x\n${backend}    ${example}`;
  }
  const missing = Object.entries(VM_REST).filter(([rest]) => !new RegExp(`^${rest}:`, "m").test(example));
  return [...missing.map(([, line]) => line), example].join("\n");
}

function examplesOf(half: string): string[] {
  return [...half.matchAll(/```yaml\n(.*?)```/gs)].map((match) => match[1] ?? "");
}

test("every example of a VM file: accepted", () => {
  const examples = examplesOf(vmHalf);
  assert.ok(examples.length >= 12, String(examples.length));
  for (const example of examples) parseVmText(completeVmText(example), VM_ORIGIN);
});

test("every example of a host file: accepted", () => {
  const examples = examplesOf(hostHalf);
  assert.ok(examples.length >= 7, String(examples.length));
  for (const example of examples) parseHostText(example, HOST_ORIGIN);
});

for (const name of ["vm-file", "host-file"]) {
  test(`every key of the ${name} schema: stands on the page`, () => {
    const schema: unknown = JSON.parse(readFileSync(join(repositoryRoot, "docs/schema", `${name}.schema.json`), "utf8"));
    const half = name === "vm-file" ? vmHalf : hostHalf;
    // A key is named alone, after a dot, or after a bracket: `cpus`, `kernel.append`, `devices[].disk`.
    assert.equal(
      keysOf(schema).filter((key) => !new RegExp(`\`([\\w.[\\]]+\\.)?${key}\``).test(half)),
      [],
    );
  });
}

function keysOf(schema: unknown): string[] {
  if (typeof schema !== "object" || schema === null) return [];
  const properties = (schema as { readonly properties?: object }).properties ?? {};
  return [...Object.keys(properties), ...Object.values(schema).flatMap(keysOf)];
}

test.run();
