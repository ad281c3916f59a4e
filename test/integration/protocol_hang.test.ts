import * as assert from "uvu/assert";
import { type QemuRoot, qemuRoot } from "../../src/compliance/lab/index.js";
import type { BulkheadError } from "../../src/errors/index.js";
import { DeviceProxy } from "../../src/protocol/index.js";
import { suite } from "../support/harness.js";
import { startQemuRemote } from "../support/protocol/qemu_remote.js";

const test = suite("a real device that hangs", { needs: ["root", "lab"], timeoutMs: 15_000 });

let qemu: QemuRoot;
test.before(async () => {
  qemu = await qemuRoot("7.2", { progress: () => undefined });
});

test("a device process that is stopped is an error within the deadline, and its channel is closed", async () => {
  const remote = await startQemuRemote(qemu, "lsi53c895a");
  const proxy = new DeviceProxy({ fd: remote.channelFd, name: "lsi", deadlineMs: 3000 });
  await proxy.readConfig(0, 2);
  remote.kill("SIGSTOP");
  const error = await proxy.readConfig(0, 2).then(
    () => null,
    (refusal: BulkheadError) => refusal,
  );
  assert.is(error?.code, "device-silent");
  assert.match(error?.message ?? "", "no answer to config-read within 3000 ms");
  remote.kill("SIGCONT");
  // It goes on and finds nobody to answer, which QEMU 7.2 to 11.1 do not survive: error_prepend() of an error that is not there.
  assert.is((await remote.ended).signal, "SIGSEGV");
});

test.run();
