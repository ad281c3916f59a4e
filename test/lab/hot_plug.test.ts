// Runs inside the lab, by test/lab_long/hot_plug.test.ts.
import * as assert from "uvu/assert";
import { suite } from "../support/harness.js";
import { type MachineFixture, makeFixture } from "../support/machine_fixture.js";
import { expectHotPlug } from "./hot_plug.js";
import { runLinuxGuest } from "./linux_guest.js";
import { makePeerNetwork } from "./peer_network.js";

const test = suite("a Linux guest is given a device while it runs", {
  needs: ["root", "kvm", "tun", "cgroup-v2-controllers", "selinux-enforcing"],
  timeoutMs: 360_000,
});

/** linux_guest.test.ts has the third. */
const GENERATIONS = ["7.2", "11"] as const;

let fixture: MachineFixture;
test.before(async () => {
  fixture = await makeFixture();
  await makePeerNetwork();
});
test.after(() => fixture.remove());

for (const generation of GENERATIONS) {
  test(`QEMU ${generation}: binds its driver, reads the disk, lets go when asked; the process ends and nothing is left`, async () => {
    const disks = { diskMib: 32, readMib: 8, writeOffsetMib: 16 };
    const { report, expectedHotRead, reason, console } = await runLinuxGuest(generation, { fixture, disks, hotPlug: true });
    assert.is(reason, "guest-shutdown", console);
    assert.equal([report.status, report.errors], ["ok", []], console);
    expectHotPlug(report, expectedHotRead ?? "");
    assert.equal(fixture.leftovers(), []);
  });
}

test.run();
