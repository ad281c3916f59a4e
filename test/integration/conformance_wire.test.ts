import * as assert from "uvu/assert";
import { QEMU_GENERATIONS, type QemuGeneration, type QemuRoot } from "../../src/compliance/lab/index.js";
import {
  type ConformanceResult,
  EXCHANGES,
  playVmmCases,
  playVmmStart,
  playWireCases,
  type RecordedMessage,
  type StartVmm,
  VMM_CASES,
  WIRE_CASES,
} from "../../src/protocol/index.js";
import { suite } from "../support/harness.js";
import {
  OUR_DEVICES,
  type OurDevice,
  qemuRoots,
  startOurDevice,
  startProxyVmm,
  startQemuDevice,
  startQemuVmm,
} from "../support/protocol/conformance_subjects.js";
import { documentedFailures, documentedFindings, failuresOf, SPECIFICATION } from "../support/protocol/documented_findings.js";

/** Some 60 device processes, or 20 VMMs, for each test: up to 7 s on a busy machine. */
const test = suite("peers that break the protocol", { needs: ["root", "lab", "kvm"], timeoutMs: 40_000 });

/** More than our proxy's deadline; what waits longer waits for ever. */
const VMM_DEADLINE_MS = 2500;

let roots: ReadonlyMap<QemuGeneration, QemuRoot>;
test.before(async () => {
  roots = await qemuRoots();
});
const rootOf = (generation: QemuGeneration): QemuRoot => roots.get(generation) as QemuRoot;

for (const device of Object.keys(OUR_DEVICES) as OurDevice[]) {
  test(`our ${device}: serves and refuses as the specification says, and keeps no fd`, async () => {
    assert.equal(failuresOf(await playWireCases(async () => startOurDevice(device))), []);
  });
}

for (const generation of QEMU_GENERATIONS) {
  test(`QEMU ${generation}'s remote: serves and refuses as the specification says, but for what is documented`, async () => {
    const results = await playWireCases(() => startQemuDevice(rootOf(generation), "lsi53c895a"));
    assert.equal(failuresOf(results), documentedFailures(generation, results));
  });
}

async function playVmm(start: StartVmm): Promise<{ results: ConformanceResult[]; records: readonly RecordedMessage[] }> {
  const { results, records } = await playVmmStart(start);
  return { results: [...results, ...(await playVmmCases(start, { deadlineMs: VMM_DEADLINE_MS }))], records };
}

/** The config accesses of a VMM's start, without what is written back. */
function probing(records: readonly RecordedMessage[]): string[] {
  return records.flatMap(({ message }) =>
    message.command === "config-read" || message.command === "config-write"
      ? [`${message.command} ${message.address} ${message.length}`]
      : [],
  );
}

let ours: string[] = [];

test("our proxy: gives up a device that breaks the protocol, and keeps no fd", async () => {
  const { results, records } = await playVmm(startProxyVmm);
  assert.equal(failuresOf(results), []);
  ours = probing(records);
});

for (const generation of QEMU_GENERATIONS) {
  test(`QEMU ${generation}'s proxy: keeps every rule, probes as ours does, and takes what is documented of a device`, async () => {
    const { results, records } = await playVmm((channelFd) => startQemuVmm(rootOf(generation), channelFd));
    assert.equal(failuresOf(results), documentedFailures(generation, results));
    assert.equal(probing(records).slice(0, ours.length), ours);
  });
}

test("every case and every finding is in docs/protocol.md, and no other", () => {
  const ids = [EXCHANGES, WIRE_CASES, VMM_CASES].flatMap((list) => list.map(({ id }) => id));
  assert.is(new Set(ids).size, ids.length, "two cases have one id");
  assert.equal(
    ids.filter((id) => !SPECIFICATION.includes(`\`${id}\``)),
    [],
  );
  assert.equal(
    [...documentedFindings("11").keys()].filter((id) => !ids.includes(id)),
    [],
  );
});

test.run();
