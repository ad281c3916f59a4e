import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { exposureOf, type Facts, FILTER_ITEMS, PROCESS_ITEMS } from "../../../src/audit/index.js";
import type { SyscallRule } from "../../../src/seccomp/index.js";
import { filterFacts } from "../../support/audit/filter_fixtures.js";
import { confinedProcess, confinedThread } from "../../support/audit/process_fixtures.js";
import { suite } from "../../support/harness.js";
import { rule } from "../seccomp/rules_for_tests.js";

/** systemd-analyze is run five times, some 0.1 s of CPU time each. */
const test = suite("exposure beside systemd-analyze security", { needs: ["systemd-analyze"], timeoutMs: 30_000 });

let folder: string;
test.before(() => {
  folder = mkdtempSync(join(tmpdir(), "bulkhead-unit-"));
});
test.after(() => rmSync(folder, { recursive: true, force: true }));

interface Setting {
  readonly json_field: string;
  /** What it adds to the figure, to one decimal; null: nothing. */
  readonly exposure: string | null;
}

/** What systemd-analyze says of a unit with these settings, by its names of the settings. */
function analyse(settings: readonly string[]): ReadonlyMap<string, number> {
  const unit = join(folder, "web1.service");
  writeFileSync(unit, ["[Service]", "ExecStart=/bin/true", ...settings, ""].join("\n"));
  const { stdout, stderr } = spawnSync("systemd-analyze", ["security", "--offline=true", "--json=short", unit], {
    encoding: "utf8",
  });
  assert.ok(stdout.startsWith("["), stderr);
  const read = JSON.parse(stdout) as readonly Setting[];
  return new Map(read.map(({ json_field, exposure }) => [json_field, Number(exposure ?? 0)]));
}

/** Of ours: how far each item is granted that systemd has as well, by its name of it. */
function ours(facts: readonly Facts[], isUnfiltered: boolean): ReadonlyMap<string, number> {
  const { shares } = exposureOf({ subject: "web1.service", facts, isUnfiltered });
  const items = [...FILTER_ITEMS, ...PROCESS_ITEMS];
  return new Map(
    shares.flatMap(({ item, granted }) => {
      const systemd = items.find((one) => one.item === item)?.systemd;
      return systemd === null || systemd === undefined ? [] : [[systemd, granted] as const];
    }),
  );
}

const HOST = confinedProcess().hostNamespaces;
const OWN = confinedProcess().process.namespaces;
const ALL_CAPABILITIES = "000001ffffffffff";
const capabilities = (bounding: string) => ({ ...confinedThread().capabilities, bounding });
const readOnly: readonly SyscallRule[] = [rule("read"), rule("write"), rule("exit_group")];
const filter = (rules: readonly SyscallRule[]): Facts =>
  filterFacts({ kind: "rules", rules: { rules, otherwise: { kind: "kill-process" } } });

/** One unit, and a process as systemd would start it. */
const UNITS: readonly {
  readonly name: string;
  readonly settings: readonly string[];
  readonly facts: readonly Facts[];
  readonly isUnfiltered: boolean;
}[] = [
  {
    name: "no settings",
    settings: [],
    facts: [
      confinedProcess({
        namespaces: HOST,
        threads: [confinedThread({ uids: [0, 0, 0, 0], noNewPrivs: false, capabilities: capabilities(ALL_CAPABILITIES) })],
      }),
    ],
    isUnfiltered: true,
  },
  {
    name: "a user, no new privileges, no network",
    settings: ["User=web1", "NoNewPrivileges=yes", "PrivateNetwork=yes", "CapabilityBoundingSet=", "PrivateMounts=yes"],
    facts: [confinedProcess({ namespaces: { ...HOST, net: OWN.net, mount: OWN.mount } })],
    isUnfiltered: true,
  },
  {
    name: "one capability",
    settings: ["User=web1", "PrivateUsers=yes", "CapabilityBoundingSet=CAP_SYS_PTRACE CAP_KILL"],
    facts: [
      confinedProcess({
        namespaces: { ...HOST, user: OWN.user },
        // CAP_KILL is bit 5, CAP_SYS_PTRACE bit 19: include/uapi/linux/capability.h.
        threads: [confinedThread({ noNewPrivs: false, capabilities: capabilities("0000000000080020") })],
      }),
    ],
    isUnfiltered: true,
  },
  {
    name: "a short filter",
    settings: [
      "User=web1",
      "SystemCallFilter=read write exit_group",
      "SystemCallArchitectures=native",
      "RestrictAddressFamilies=none",
      "MemoryDenyWriteExecute=yes",
      "CapabilityBoundingSet=",
    ],
    facts: [filter(readOnly), confinedProcess({ namespaces: HOST })],
    isUnfiltered: false,
  },
  {
    name: "a filter with one call of @debug and one family",
    settings: [
      "User=web1",
      "SystemCallFilter=read write exit_group ptrace socket",
      "SystemCallArchitectures=native",
      "RestrictAddressFamilies=AF_UNIX",
      "MemoryDenyWriteExecute=yes",
      "CapabilityBoundingSet=",
    ],
    facts: [
      filter([...readOnly, rule("ptrace"), rule("socket", [{ index: 0, width: 32, op: "==", value: 1n }])]),
      confinedProcess({ namespaces: HOST }),
    ],
    isUnfiltered: false,
  },
];

for (const { name, settings, facts, isUnfiltered } of UNITS) {
  test(`a unit with ${name}: what both ask is granted for both, or for neither`, () => {
    const theirs = analyse(settings);
    const own = ours(facts, isUnfiltered);
    assert.ok(own.size > 30, "too little is compared");
    // NoNewPrivileges= is implied by a filter without a privileged manager, and by no capability; systemd counts the setting alone.
    const differing = [...own].filter(
      ([item, granted]) => item !== "NoNewPrivileges" && granted > 0 !== (theirs.get(item) ?? 0) > 0,
    );
    assert.equal(differing, []);
  });
}

test("weights are those of systemd: of what a unit without settings grants, each adds the share that systemd shows", () => {
  const theirs = analyse([]);
  // Its own sum: an item of weight 2500 is shown as 0.5 and one of 25 as 0.1, for what it shows is rounded up to tenths.
  const SUM_OF_SYSTEMD = 55_000;
  for (const { systemd, weight, item } of [...FILTER_ITEMS, ...PROCESS_ITEMS]) {
    if (systemd === null) continue;
    const shown = theirs.get(systemd);
    assert.ok(shown !== undefined, `${item}: systemd has no ${systemd}`);
    assert.is(shown, Math.ceil((100 * weight) / SUM_OF_SYSTEMD) / 10, item);
  }
});

test.run();
