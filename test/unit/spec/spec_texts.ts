import * as assert from "uvu/assert";
import { SpecError } from "../../../src/errors/index.js";
import { parseHostText, parseVmText } from "../../../src/spec/index.js";

/** A VM file that uses every key; line 1 is `name`. */
export const FULL_VM_TEXT = `name: web1
machine:
  memory: 512M
  cpus: 2
  accel: kvm
boot:
  disk: disk0
console: {serial: stdio}
devices:
  - id: disk0
    role: disk
    model: lsi53c895a
    disk: {file: root.img, format: qcow2, readOnly: true}
    limits: {readBytesPerSecond: 50M, writeOperationsPerSecond: 500}
  - id: net0
    role: net
    model: e1000
    net: {tap: tap0, mac: "52:54:00:12:34:AB"}
require: [seccomp, namespaces]
onDeviceExit: pause
hangDeadlineMs: 2000
shutdownGraceMs: 250
`;

export const FULL_HOST_TEXT = `require: [seccomp, landlock]
imageRoots: [/srv/images, /srv/iso]
taps: ["tap*", br0]
uids: 200000-265533
categories: c10-c500
limits: {memoryPerVm: 8G, processesPerVm: 9}
qemu: {program: /usr/local/bin/qemu, sysroot: /srv/qemu-11}
hotPlug: true
programs:
  - {file: /usr/lib/device, roles: [reference-device]}
  - {file: /usr/lib/device.mjs, roles: [a, b], interpreter: [/usr/bin/node, --jitless], files: [/usr/lib/a.node]}
`;

/** The least that a VM file holds; tests append keys from line 3 on. */
export const LEAST_VM_TEXT = "name: web1\nmachine: {memory: 512M}\n";

export const VM_ORIGIN = { file: "web1.yaml", directory: "/vms" };
export const HOST_ORIGIN = { file: "host.yaml", directory: "/etc/bulkhead" };

/** The lines of the error that a VM text gives; fails when it is accepted or when anything but a SpecError comes. */
export function vmProblems(text: string): string[] {
  return problemLines(() => parseVmText(text, VM_ORIGIN));
}

export function hostProblems(text: string): string[] {
  return problemLines(() => parseHostText(text, HOST_ORIGIN));
}

function problemLines(parse: () => unknown): string[] {
  const error = errorOf(parse);
  assert.is(error.code, "spec-invalid");
  assert.is(error.exitCode, 2);
  return error.message.split("\n");
}

export function errorOf(run: () => unknown): SpecError {
  try {
    run();
  } catch (error) {
    assert.instance(error, SpecError);
    return error as SpecError;
  }
  throw new Error("nothing was refused");
}

/** One device as a flow mapping, for a list on one line. */
export function device(id: string, keys: string): string {
  return `{id: ${id}, model: e1000, ${keys}}`;
}
