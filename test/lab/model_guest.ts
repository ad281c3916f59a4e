import { dirname } from "node:path";
import { PassThrough } from "node:stream";
import { guestKit, type QemuGeneration, qemuRoot } from "../../src/compliance/lab/index.js";
import { launch } from "../../src/index.js";
import { type MachineFixture, usedName } from "../support/machine_fixture.js";

/** A guest with devices of the caller's choice. */
export interface ModelGuest {
  readonly fixture: MachineFixture;
  readonly name: string;
  /** Entries of `devices` in a VM file. */
  readonly lines: readonly string[];
  /** Parameters of the guest kit. */
  readonly asked: readonly string[];
  /** Ends the guest as soon as its console shows this. */
  readonly until?: RegExp;
}

export interface ModelGuestRun {
  readonly reason: string;
  /** Which process ended the VM; null for an orderly end. */
  readonly process: string | null;
  readonly exitCode: number;
  readonly detail: string;
  readonly console: string;
}

/** A guest that hangs is ended before the test is, so that its console shows where. */
const GUEST_DEADLINE_MS = 350_000;

/** Launches the Linux guest of the kit and waits for its end, whatever it is. */
export async function runModelGuest(generation: QemuGeneration, guest: ModelGuest): Promise<ModelGuestRun> {
  const { fixture, until } = guest;
  const context = { progress: () => undefined };
  const [qemu, kit] = [await qemuRoot(generation, context), await guestKit(context)];
  // earlyprintk: what ends a guest may come before its console.
  const append = [
    "console=ttyS0 earlyprintk=ttyS0 loglevel=1 panic=-1 scsi_mod.scan=sync mitigations=off nokaslr",
    ...guest.asked,
  ];
  const text = `name: ${usedName(guest.name)}
machine: {memory: 256M, accel: kvm}
boot: {kernel: {file: ${kit.kernel}, initrd: ${kit.initrd}, append: "${append.join(" ")}"}}
console: {serial: stdio}
devices:
${guest.lines.join("\n")}
`;
  const output = new PassThrough();
  const request = await fixture.request(text, {
    qemu: { program: qemu.binary, sysroot: qemu.root },
    stdio: { kind: "stream", output, input: null, escape: false },
  });
  const hostConfig = { ...request.hostConfig, imageRoots: [fixture.directory, dirname(kit.kernel)] };
  const machine = await launch({ ...request, hostConfig });
  let console = "";
  output.setEncoding("utf8").on("data", (chunk: string) => {
    console += chunk;
    if (until?.test(console) === true) machine.kill();
  });
  const timer = setTimeout(() => machine.kill(), GUEST_DEADLINE_MS);
  const { exitCode, reason, process, detail } = await machine.ended;
  clearTimeout(timer);
  return { exitCode, reason, process, detail, console };
}
