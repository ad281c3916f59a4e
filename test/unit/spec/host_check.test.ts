import * as assert from "uvu/assert";
import { builtInHostConfig, checkAgainstHost, parseHostText, parseVmText, requiredLayers } from "../../../src/spec/index.js";
import { suite } from "../../support/harness.js";
import { errorOf, FULL_VM_TEXT, HOST_ORIGIN, LEAST_VM_TEXT, VM_ORIGIN } from "./spec_texts.js";

const test = suite("VM file against host file");

const vm = parseVmText(FULL_VM_TEXT, VM_ORIGIN);
const hostWith = (text: string) => parseHostText(text, HOST_ORIGIN);

test("VM at the very limits of the host: accepted", () => {
  checkAgainstHost(vm, hostWith("taps: [tap?]\nlimits: {memoryPerVm: 512M, processesPerVm: 3}"));
});

test("VM beyond memory, processes and taps: all three told, with both files", () => {
  const host = hostWith("taps: [br*]\nlimits:\n  memoryPerVm: 511M\n  processesPerVm: 2\n");
  const error = errorOf(() => checkAgainstHost(vm, host));
  assert.is(error.code, "host-forbids");
  assert.is(error.exitCode, 2);
  assert.equal(error.message.split("\n"), [
    "web1.yaml:3:3: machine.memory is 512M; this host permits 511M per VM (limits.memoryPerVm, host.yaml:3:3)",
    "web1.yaml:9:1: 2 devices and the VMM are 3 processes; this host permits 2 per VM (limits.processesPerVm, host.yaml:4:3)",
    'web1.yaml:18:11: this host does not permit the tap "tap0", only br* (taps, host.yaml:1:1). ' +
      "Ask for less, or have the administrator change the host file.",
  ]);
});

test("VM beyond the built-in limits: told that no host file exists", () => {
  const large = parseVmText("name: a\nmachine: {memory: 65G}\n", VM_ORIGIN);
  const { message } = errorOf(() => checkAgainstHost(large, builtInHostConfig()));
  assert.match(message, /permits 64G per VM \(limits.memoryPerVm, built in as \/etc\/bulkhead\/host.yaml does not exist\)/);
});

test("host without taps: a tap is refused, a card without a cable is not", () => {
  const host = hostWith("taps: []");
  assert.match(errorOf(() => checkAgainstHost(vm, host)).message, /does not permit the tap "tap0", only none/);
  checkAgainstHost(parseVmText(FULL_VM_TEXT.replace("tap: tap0", "disconnected: true"), VM_ORIGIN), host);
});

test("slots for hot-plug: refused unless the host file permits them, for each is one more device in the VMM", () => {
  const plugging = parseVmText("name: a\nmachine: {memory: 64M, hotPlugSlots: 2}\n", VM_ORIGIN);
  const { message } = errorOf(() => checkAgainstHost(plugging, builtInHostConfig()));
  assert.match(message, /does not permit machine.hotPlugSlots \(hotPlug, built in/);
  checkAgainstHost(plugging, hostWith("hotPlug: true"));
});

test("programs: refused unless the host file permits them, in the role that it permits", () => {
  const asking = (role: string) =>
    parseVmText(`${LEAST_VM_TEXT}devices: [{id: a, role: ${role}, program: /usr/lib/device}]`, VM_ORIGIN);
  const host = hostWith("programs: [{file: /usr/lib/device, roles: [small, other]}]");
  assert.match(
    errorOf(() => checkAgainstHost(asking("small"), builtInHostConfig())).message,
    /permit the program .*, none \(programs/,
  );
  checkAgainstHost(asking("other"), host);
  const { message } = errorOf(() => checkAgainstHost(asking("disk"), host));
  assert.match(message, /web1.yaml:3:\d+: this host permits "\/usr\/lib\/device" in the role small or other only/);
});

test("required layers: the union of both files, once each, in the order of layers", () => {
  const asking = parseVmText(`${LEAST_VM_TEXT}require: [selinux, seccomp]`, VM_ORIGIN);
  assert.equal(requiredLayers(asking, hostWith("require: [uid, seccomp]")), ["seccomp", "uid", "selinux"]);
});

test("required layers: a VM file with an empty list lowers nothing", () => {
  const asking = parseVmText(`${LEAST_VM_TEXT}require: []`, VM_ORIGIN);
  assert.equal(requiredLayers(asking, builtInHostConfig()), ["seccomp", "namespaces", "no-new-privs"]);
});

test.run();
