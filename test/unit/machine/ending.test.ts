import * as assert from "uvu/assert";
import { describeExit, endingOfDeath, endingOfHang } from "../../../src/machine/ending.js";
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
  test(`intrusion: a ${role} that died of a refused call ends the VM as an intrusion, exit code 5`, () => {
    const ending = endingOfDeath("p", role, { cause: { words: "SIGSYS", intrusion: true }, lastWords: "" });
    assert.is(ending.reason, "intrusion");
    assert.is(ending.exitCode, 5);
  });
}

test("death: a device and the VMM end the VM with 4, and the process is named", () => {
  const device = endingOfDeath("disk0", "device", { cause: { words: "SIGKILL", intrusion: false }, lastWords: "" });
  assert.equal(device, { reason: "device-died", process: "disk0", detail: 'process "disk0" died of SIGKILL', exitCode: 4 });
  const vmm = endingOfDeath("vmm", "vmm", { cause: { words: "exit status 1", intrusion: false }, lastWords: "" });
  assert.equal([vmm.reason, vmm.exitCode, vmm.process], ["vmm-died", 4, "vmm"]);
});

test("death: last words are told", () => {
  const ending = endingOfDeath("disk0", "device", {
    cause: { words: "exit status 31", intrusion: false },
    lastWords: "no space | abort",
  });
  assert.is(ending.reason, "device-died");
  assert.is(ending.detail, 'process "disk0" died of exit status 31; its last words: no space | abort');
});

test("hang: a device and the VMM end the VM with 4, and what it did is told", () => {
  const hang = { silentMs: 9876, detail: "did not answer on its monitor; its threads are stopped" };
  const device = endingOfHang("disk0", "device", hang);
  assert.equal([device.reason, device.exitCode], ["device-hung", 4]);
  assert.match(device.detail, '"disk0" made no progress for 9876 ms and was killed: it did not answer on its monitor');
  assert.equal([endingOfHang("vmm", "vmm", hang).reason, endingOfHang("vmm", "vmm", hang).exitCode], ["vmm-hung", 4]);
});

test.run();
