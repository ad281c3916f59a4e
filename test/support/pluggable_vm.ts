import { readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { findRun, inspectRun, openDirectories } from "../../src/index.js";
import type { KnownRun } from "../../src/state/index.js";
import { writeIdleVm } from "./idle_vm.js";
import { cgroupMount, type MachineFixture, makeFixture } from "./machine_fixture.js";
import { type CommandResult, runBulkhead } from "./run_command.js";

/** The processes of its VM file. */
export const FIRST = ["disk0", "disk1", "net0", "vmm"];

/** An idle VM with two hot-plug slots in the background, and the files of two devices, disk7.yaml and net7.yaml. */
export class PluggableVm {
  readonly fixture: MachineFixture;
  readonly vm: string;

  private constructor(fixture: MachineFixture, vm: string) {
    this.fixture = fixture;
    this.vm = vm;
  }

  static async start(vm: string): Promise<PluggableVm> {
    const fixture = await makeFixture();
    const started = new PluggableVm(fixture, vm);
    await writeIdleVm(fixture, vm, (text) => text.replace("accel: tcg", "accel: tcg, hotPlugSlots: 2"));
    started.writeDevice("disk7", "role: disk, model: lsi53c895a, disk: {file: added.img}");
    started.writeDevice("net7", "role: net, model: e1000, net: {disconnected: true}");
    writeFileSync(join(fixture.directory, "added.img"), "");
    truncateSync(join(fixture.directory, "added.img"), 1024 * 1024);
    writeFileSync(join(fixture.directory, "host.yaml"), "hotPlug: true\n", { mode: 0o644 });
    const { exitCode, stderr } = await runBulkhead(["run", "--detach", "--host-file", "host.yaml", `${vm}.yaml`], fixture);
    assert.is(exitCode, 0, stderr);
    return started;
  }

  writeDevice(id: string, rest: string): void {
    writeFileSync(join(this.fixture.directory, `${id}.yaml`), `{id: ${id}, ${rest}}\n`);
  }

  /** `bulkhead device add VM FILE`, `device remove VM ID`. */
  device(action: "add" | "remove", what: string): Promise<CommandResult> {
    return runBulkhead(["device", action, this.vm, what], this.fixture);
  }

  async attach(): Promise<void> {
    const attached = await runBulkhead(["attach", "--no-follow", "--host-file", "host.yaml", this.vm], this.fixture);
    assert.is(attached.exitCode, 0, attached.stderr);
  }

  /** In this process: a command for each of these questions would take most of a test's time. */
  knownRun(): KnownRun {
    const run = findRun(openDirectories(this.fixture.environment), this.vm);
    if (run === null) throw new Error("the VM has ended");
    return run;
  }

  pidOf(id: string): number {
    return this.knownRun().processes.find((process) => process.id === id)?.pid ?? 0;
  }

  groupOf(id: string): string {
    return `${cgroupMount()}/bulkhead/${this.vm}/${id}`;
  }

  /** What runs is what its plan says, and nothing else; its supervisor is confined; nothing is held for others. */
  assertWhole(...added: readonly string[]): void {
    const ids = [...FIRST, ...added].sort();
    const run = this.knownRun();
    const { processes, differences, launcher } = inspectRun(run);
    assert.equal(processes.map(({ id }) => id).sort(), ids);
    assert.equal(differences, []);
    assert.ok(launcher?.confined, "the supervisor is confined");
    const capabilities = launcher.observed.map(({ effectiveCapabilities }) => effectiveCapabilities);
    assert.equal(new Set(capabilities), new Set(["0".repeat(16)]));
    const groups = readdirSync(this.groupOf(""), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    assert.equal(groups.map(({ name }) => name).sort(), ids);
    assert.is(readdirSync(join(this.fixture.directory, "run/uids")).length, ids.length);
    assert.is(run.record.uids.length, ids.length);
  }

  async end(): Promise<void> {
    await runBulkhead(["stop", this.vm, "--now"], this.fixture);
    assert.equal(this.fixture.leftovers(), []);
    await this.fixture.remove();
  }
}
