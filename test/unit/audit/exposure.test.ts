import fc from "fast-check";
import * as assert from "uvu/assert";
import { type Audited, exposureOf, type Facts, FILTER_ITEMS, PROCESS_ITEMS } from "../../../src/audit/index.js";
import { type ArgumentCheck, SYSCALL_NUMBERS, type SyscallRule } from "../../../src/seccomp/index.js";
import { filterFacts } from "../../support/audit/filter_fixtures.js";
import { confinedProcess, confinedThread } from "../../support/audit/process_fixtures.js";
import { suite } from "../../support/harness.js";
import { rule } from "../seccomp/rules_for_tests.js";

/** Each figure of a filter takes some 10 ms of CPU time. */
const test = suite("exposure", { timeoutMs: 30_000 });

const RUNS = 15;

function figure(facts: readonly Facts[], isUnfiltered = false): number {
  const audited: Audited = { subject: "a", facts, isUnfiltered };
  return exposureOf(audited).figure ?? Number.NaN;
}

const ofRules = (rules: readonly SyscallRule[]): number =>
  figure([filterFacts({ kind: "rules", rules: { rules, otherwise: { kind: "kill-process" } } })]);

const syscalls = fc.constantFrom(...SYSCALL_NUMBERS.keys());
const checks: fc.Arbitrary<Omit<ArgumentCheck, "text">[]> = fc.array(
  fc.record({
    index: fc.constantFrom(0, 1, 2),
    width: fc.constantFrom(32, 64),
    op: fc.constantFrom("==", "!=", "<"),
    value: fc.bigInt({ min: 0n, max: 100n }),
  }) as fc.Arbitrary<Omit<ArgumentCheck, "text">>,
  { maxLength: 2 },
);
const rules = fc.tuple(syscalls, checks).map(([syscall, own]) => rule(syscall, own as never));

test("allowing one more call, in any form, never lowers the figure of a filter", () => {
  fc.assert(
    fc.property(fc.array(rules, { maxLength: 12 }), rules, (some, more) => {
      assert.ok(ofRules([...some, more]) >= ofRules(some));
    }),
    { numRuns: RUNS },
  );
});

test("allowing everything is the most, nothing the least, and a thread without a filter counts as everything", () => {
  const all = [...SYSCALL_NUMBERS.keys()].map((syscall) => rule(syscall));
  assert.is(ofRules([]), 0);
  const whole = ofRules(all);
  assert.ok(whole > 8 && whole < 10, String(whole));
  assert.is(figure([filterFacts({ kind: "rules", rules: { rules: [], otherwise: { kind: "kill-process" } } })], true), 10);
});

/** Something more that a process may have, by its name. */
const GRANTS: Readonly<Record<string, Parameters<typeof confinedProcess>[0]>> = {
  network: { namespaces: { ...confinedProcess().process.namespaces, net: "net:[4]" } },
  users: { namespaces: { ...confinedProcess().process.namespaces, user: "user:[1]" } },
  pids: { namespaces: { ...confinedProcess().process.namespaces, pid: "pid:[3]" } },
  dumpable: { dumpable: true },
  "no new privileges": { threads: [confinedThread({ noNewPrivs: false })] },
  root: { threads: [confinedThread({ uids: [0, 500_000, 500_000, 500_000] })] },
  "no label": { threads: [confinedThread({ selinuxContext: null })] },
};

for (const [name, changes] of Object.entries(GRANTS)) {
  test(`a process that is given more, ${name}: its figure rises`, () => {
    assert.ok(figure([confinedProcess(changes)]) > figure([confinedProcess()]));
  });
}

test("a capability more, in any set of any thread, never lowers the figure of a process", () => {
  const sets = ["inheritable", "permitted", "effective", "bounding", "ambient"] as const;
  const held = fc.record(Object.fromEntries(sets.map((set) => [set, fc.bigInt({ min: 0n, max: (1n << 41n) - 1n })])));
  fc.assert(
    fc.property(held, fc.constantFrom(...sets), fc.nat({ max: 40 }), (some, set, bit) => {
      const of = (values: Record<string, bigint>): number => {
        const capabilities = Object.fromEntries(
          Object.entries(values).map(([name, bits]) => [name, bits.toString(16).padStart(16, "0")]),
        );
        return figure([
          confinedProcess({ threads: [confinedThread(), confinedThread({ capabilities: capabilities as never })] }),
        ]);
      };
      assert.ok(of({ ...some, [set]: (some[set] ?? 0n) | (1n << BigInt(bit)) }) >= of(some));
    }),
  );
});

test("a process without anything has no exposure but what a filter leaves", () => {
  assert.is(figure([confinedProcess()]), 0);
});

test("no item weighs less than nothing, and none is named twice", () => {
  const items = [...FILTER_ITEMS, ...PROCESS_ITEMS];
  for (const { item, weight } of items) assert.ok(weight > 0, item);
  assert.is(new Set(items.map(({ item }) => item)).size, items.length);
});

test.run();
