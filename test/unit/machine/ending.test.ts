import * as assert from "uvu/assert";
import { describeExit, endingOfDeath } from "../../../src/machine/ending.js";
import { suite } from "../../support/harness.js";

const test = suite("wording of how a VM ended");

const status = (exitCode: number | null, signal: number | null) => ({ exitCode, signal });

test("exit: a status, a signal by name, one without a name, one that only the parent knows", () => {
  assert.is(describeExit(status(3, null)), "exit status 3");
  assert.is(describeExit(status(0, null)), "exit status 0");
  assert.is(describeExit(status(null, 11)), "SIGSEGV");
  assert.is(describeExit(status(null, 47)), "signal 47");
  assert.is(describeExit(status(null, null)), "an end that only its parent knows");
});

test("exit: SIGSYS says what it means", () => {
  assert.match(describeExit(status(null, 31)), /^SIGSYS \(a call that its seccomp filter refuses\)$/);
});

for (const role of ["device", "vmm"] as const) {
  test(`intrusion: a ${role} that died of SIGSYS ends the VM as an intrusion, exit code 5`, () => {
    const ending = endingOfDeath("p", role, { status: status(null, 31), lastWords: "" });
    assert.is(ending.reason, "intrusion");
    assert.is(ending.exitCode, 5);
  });
}

test("death: a device ends the VM with 4, the VMM with 3, and the process is named", () => {
  const device = endingOfDeath("disk0", "device", { status: status(null, 9), lastWords: "" });
  assert.equal(device, { reason: "device-died", process: "disk0", detail: 'process "disk0" died of SIGKILL', exitCode: 4 });
  const vmm = endingOfDeath("vmm", "vmm", { status: status(1, null), lastWords: "" });
  assert.equal([vmm.reason, vmm.exitCode, vmm.process], ["vmm-died", 3, "vmm"]);
});

test("death: last words are told, and exit code 31 is not SIGSYS", () => {
  const ending = endingOfDeath("disk0", "device", { status: status(31, null), lastWords: "no space | abort" });
  assert.is(ending.reason, "device-died");
  assert.is(ending.detail, 'process "disk0" died of exit status 31; its last words: no space | abort');
});

test.run();
