import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import * as assert from "uvu/assert";
import { type GuestReport, runLab } from "../../src/compliance/lab/index.js";
import { suite } from "../support/harness.js";

/** A guest of half a minute, three times that on a machine with other work, and the lab itself. */
const test = suite("lab guest", { needs: ["root", "lab"], timeoutMs: 180_000 });

/** One is enough here: linux_guest.test.ts runs the same guest confined, on each. This one shows the baseline to compare with. */
const GENERATIONS = ["10"] as const;

interface Proof {
  readonly generation: string;
  readonly version: string;
  readonly expectedReads: readonly string[];
  /** What the disks hold where the guest wrote. */
  readonly onDisk: readonly string[];
  readonly report: GuestReport;
}

let proofs: Proof[] = [];
let said = "";

test.before(async () => {
  const resultsDirectory = await mkdtemp(join(tmpdir(), "lab-results-"));
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const argv = ["node", "--enable-source-maps", "dist/test/lab_long/bare_guest.js", ...GENERATIONS];
  await runLab({ command: { kind: "argv", argv }, progress: () => undefined, stdout, stderr, resultsDirectory });
  said = String(stderr.read() ?? "");
  const lines = String(stdout.read() ?? "")
    .split("\n")
    .filter((line) => line !== "");
  proofs = lines.map((line) => JSON.parse(line) as Proof);
  await rm(resultsDirectory, { recursive: true });
});

for (const generation of GENERATIONS) {
  const proof = (): Proof => {
    const found = proofs.find((candidate) => candidate.generation === generation);
    assert.ok(found, `no report: ${said}`);
    return found as Proof;
  };

  test(`QEMU ${generation}: a Linux guest under nested KVM comes to its end without an error`, () => {
    assert.ok(proof().version.startsWith(`${generation}.`));
    assert.equal(proof().report.errors, []);
    assert.is(proof().report.status, "ok");
  });

  test(`QEMU ${generation}: drivers bind to three models in remote processes and take interrupts, each on its own line`, () => {
    const { pci, interrupts } = proof().report;
    for (const driver of ["sym53c8xx", "megaraid_sas", "e1000"]) {
      const device = pci.find((candidate) => candidate.driver === driver);
      const line = interrupts.find(({ irq }) => irq === device?.irq);
      assert.is(line?.users.length, 1, `${driver} shares its line`);
      // 8 MiB in requests of at most 512 KiB, or 20 packets: no driver gets by with fewer.
      assert.ok((line?.count ?? 0) >= 16, `${driver} took ${line?.count} interrupts`);
    }
  });

  test(`QEMU ${generation}: what the guest reads is what the disks hold, what it writes is found in them`, () => {
    const { report, expectedReads, onDisk } = proof();
    // Drivers are probed side by side: which disk becomes sda is a matter of who comes first.
    const names = ["sym53c8xx", "megaraid_sas"].map((driver) => report.disks.find((disk) => disk.driver === driver)?.name);
    const sums = (lines: typeof report.reads) => names.map((name) => lines.find(({ disk }) => disk === name)?.sha256);
    assert.equal(sums(report.reads), expectedReads);
    assert.equal(sums(report.writes), onDisk);
    assert.equal(report.verifies, report.writes);
    assert.is.not(onDisk[0], onDisk[1]);
  });

  test(`QEMU ${generation}: every packet to the peer comes back`, () => {
    const { nets } = proof().report;
    assert.equal(
      nets.map(({ driver, sentPackets, receivedPackets }) => [driver, sentPackets, receivedPackets]),
      [["e1000", 20, 20]],
    );
  });
}

test.run();
