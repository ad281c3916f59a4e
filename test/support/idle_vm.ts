import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { demoVmText, type MachineFixture } from "./machine_fixture.js";
import { type RunningCommand, runBulkhead, startBulkhead, waitUntil } from "./run_command.js";

/** One VM as `bulkhead ps --json` lists it. */
export interface Listed {
  readonly vm: string;
  readonly state: string;
  readonly processes: readonly { readonly id: string; readonly role: string; readonly pid: number }[];
}

export async function findListed(fixture: MachineFixture, vm: string): Promise<Listed | undefined> {
  const list = JSON.parse((await runBulkhead(["ps", "--json"], fixture)).stdout) as Listed[];
  return list.find((entry) => entry.vm === vm);
}

/** A VM without a bootable disk, so that its firmware waits until it is ended; `none` and `file` consoles need no terminal. */
export async function writeIdleVm(fixture: MachineFixture, name: string, change: (text: string) => string = (text) => text) {
  const text = demoVmText({ name, disks: "blank" }).replace("serial: stdio", "serial: none");
  await writeFile(join(fixture.directory, `${name}.yaml`), change(text));
}

/** The launcher on record. */
export function supervisorOf(fixture: MachineFixture, vm: string): number {
  const record = JSON.parse(readFileSync(`${fixture.directory}/run/vms/${vm}/record.json`, "utf8")) as {
    launcher: { pid: number };
  };
  return record.launcher.pid;
}

/** A zombie does not run; whoever inherited it may take its time to reap it. */
export function isRunning(pid: number): boolean {
  const path = `/proc/${pid}/stat`;
  return existsSync(path) && !/\) Z /.test(readFileSync(path, "utf8"));
}

/** Starts `bulkhead attach` and waits until it says that it follows the VM. */
export async function startFollowing(fixture: MachineFixture, vm: string): Promise<RunningCommand> {
  const command = startBulkhead(["attach", vm], fixture);
  await waitUntil(() => command.errors().includes(`following VM "${vm}"`), "the following", 30_000);
  return command;
}

/** Kills the supervisor of a VM and waits until the VM is an orphan. */
export async function orphan(fixture: MachineFixture, vm: string): Promise<void> {
  const pid = supervisorOf(fixture, vm);
  process.kill(pid, "SIGKILL");
  await waitUntil(() => !isRunning(pid), "the supervisor's end");
}
