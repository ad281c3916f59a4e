// Runs inside the lab, by test/lab_guests/linux_guest.test.ts.
import * as assert from "uvu/assert";
import { QEMU_GENERATIONS, type QemuGeneration, recordDenials } from "../../src/compliance/lab/index.js";
import { LAYERS } from "../../src/index.js";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture } from "../support/machine_fixture.js";
import { type CgroupWatch, watchCgroups } from "./cgroup_watch.js";
import { type GuestDisks, MIB } from "./guest_disk.js";
import { expectHotPlug } from "./hot_plug.js";
import { type GuestRun, runLinuxGuest, SECOND_DISKS } from "./linux_guest.js";
import { countPeerPackets, makePeerNetwork } from "./peer_network.js";

const test = suite("a Linux guest behind confined processes", {
  needs: ["root", "kvm", "tun", "cgroup-v2-controllers", "selinux-enforcing"],
  timeoutMs: 360_000,
});

const SMALL: GuestDisks = { diskMib: 32, readMib: 8, writeOffsetMib: 16 };
/** A good part of the guest's 256 MiB: pages that nobody has touched before the device writes them. */
const LARGE: GuestDisks = { diskMib: 64, readMib: 48, writeOffsetMib: 56 };
/** One generation reads much: what the kernel charges to whom does not depend on QEMU. */
const DISKS: Readonly<Record<QemuGeneration, GuestDisks>> = { "7.2": SMALL, "10": SMALL, "11": LARGE };
/** One generation is given a device while it runs; hot_plug.test.ts does so on the others. */
const HOT_PLUG: QemuGeneration = "10";
/** Pings of the guest kit, each answered. */
const PINGS = 20;
/** 8 MiB or more in requests of at most 512 KiB, or the pings: no driver gets by with fewer interrupts. */
const INTERRUPTS_MIN = 16;

const LEAVES = ["lsi", "other", "nic", "vmm"];

let fixture: MachineFixture;
test.before(async () => {
  fixture = await makeFixture();
  await makePeerNetwork();
});
test.after(() => fixture.remove());

/** Devices stand on the bus in the order of the VM file. */
const LSI = "0000:00:01.0";
const SECOND = "0000:00:02.0";
const NIC = "0000:00:03.0";

/** Drivers are probed side by side: which disk becomes sda is a matter of who comes first. */
function nameOfDisk({ disks }: GuestRun["report"], address: string): string | undefined {
  return disks.find(({ pci }) => pci === address)?.name;
}

function expectGuest(
  generation: QemuGeneration,
  { exitCode, reason, detail, report, expectedReads, written, console }: GuestRun,
): void {
  assert.equal([reason, exitCode], ["guest-shutdown", 0], `${detail}\n${console}`);
  assert.equal([report.status, report.errors], ["ok", []], console);
  const sums = (lines: GuestRun["report"]["reads"]) => {
    return [LSI, SECOND].map((address) => lines.find(({ disk }) => disk === nameOfDisk(report, address))?.sha256);
  };
  assert.equal(sums(report.reads), expectedReads, console);
  assert.equal(sums(report.writes), written, console);
  assert.equal(report.verifies, report.writes, console);
  assert.is.not(written[0], written[1]);
  const [net] = report.nets;
  assert.equal([net?.driver, net?.sentPackets, net?.receivedPackets], ["e1000", PINGS, PINGS], console);
  const drivers = { [LSI]: "sym53c8xx", [SECOND]: SECOND_DISKS[generation].driver, [NIC]: "e1000" };
  for (const [address, driver] of Object.entries(drivers)) {
    const device = report.pci.find((candidate) => candidate.address === address);
    assert.is(device?.driver, driver, console);
    const count = report.interrupts.find(({ irq }) => irq === device?.irq)?.count ?? 0;
    assert.ok(count >= INTERRUPTS_MIN, `${driver} took ${count} interrupts\n${console}`);
  }
}

/** Guest RAM that a device fills by DMA is charged to the device's leaf, within its limit and the VM's. */
function expectCharges({ sharedBytesMax, outOfMemory }: CgroupWatch, { report }: GuestRun, { readMib }: GuestDisks): void {
  for (const [leaf, count] of outOfMemory) assert.is(count, 0, `group "${leaf}" ran out of memory`);
  assert.equal([...outOfMemory.keys()], ["", ...LEAVES]);
  // The first disk that is read: the page cache of the second may lie in pages that the first one touched, and stay charged to it.
  const first = report.reads[0]?.disk === nameOfDisk(report, LSI) ? "lsi" : "other";
  const shared = (sharedBytesMax.get(first) ?? 0) / MIB;
  assert.ok(shared >= readMib / 2, `${first} was charged ${shared} MiB of guest RAM, having read ${readMib} MiB`);
}

for (const generation of QEMU_GENERATIONS) {
  const more = generation === HOT_PLUG ? ", is given a disk and gives it back" : "";
  test(`QEMU ${generation}: reads, writes, is interrupted, is answered by the peer${more}, powers off; exit 0`, async () => {
    const before = await countPeerPackets();
    const watch = watchCgroups(`test-linux-${generation.replace(".", "-")}`, LEAVES);
    const { result: run, denials } = await recordDenials(() =>
      runLinuxGuest(generation, { fixture, disks: DISKS[generation], hotPlug: generation === HOT_PLUG }).finally(watch.stop),
    );
    expectGuest(generation, run);
    if (run.expectedHotRead !== null) expectHotPlug(run.report, run.expectedHotRead);
    expectCharges(watch, run, DISKS[generation]);
    assert.ok((await countPeerPackets()) - before >= PINGS);
    assert.equal(run.verified.differences, []);
    for (const { id, layers } of run.verified.processes) {
      const short = LAYERS.filter((layer) => layers[layer].status !== "enforced");
      // Debian's kernels have no core scheduling; layers.test.ts runs one that has.
      assert.equal(short, ["core-scheduling"], id);
    }
    assert.equal(
      denials.map(({ text }) => text),
      [],
    );
    assert.equal(fixture.leftovers(), []);
  });
}
test.run();
