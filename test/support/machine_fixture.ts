import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildDemoImages } from "../../examples/demo/images.js";
import { DEFAULT_QEMU, type LaunchRequest, openDirectories, parseVmText } from "../../src/index.js";
import { builtInHostConfig } from "../../src/spec/index.js";
import { findEventFault } from "../../src/state/index.js";
import { repositoryRoot } from "./repository.js";
import { TEST_HOST_FILE } from "./run_command.js";
import { hostWideName, STATES_FOLDER } from "./run_identity.js";

/** A VM with state and images of its own below one temporary folder. */
export interface MachineFixture {
  readonly directory: string;
  /** What a command needs to see this state and no other. */
  readonly environment: NodeJS.ProcessEnv;
  /** A launch request for a VM file's text. */
  request(text: string, change?: Partial<LaunchRequest>): Promise<LaunchRequest>;
  /** What the VM left behind: empty when it left nothing. */
  leftovers(): string[];
  /** Removes the folder. With a VM still on record it does not: then the runner ends the VM and fails the file. */
  remove(): Promise<void>;
}

/** A key at its default: the built-in configuration, as a file that a command can be given in the place of this host's. */
const BUILT_IN_HOST = "hotPlug: false\n";

const BLANK_IMAGE_BYTES = 1024 * 1024;

/** VMs of this test file; the groups of others are not its business. */
const namesUsed = new Set<string>();

/** Notes that a VM of this name is this file's, so that its leftovers are looked for. */
export function usedName(name: string): string {
  namesUsed.add(name);
  return name;
}

/** The name of this run's VM for a subject: the groups of all VMs of a host are side by side, whatever their state directories. */
export function vmName(subject: string): string {
  return usedName(hostWideName(subject));
}

/** Two disks and a network card; `blank` disks have no boot sector, so the firmware waits until the VM is ended. */
export function demoVmText(options: { readonly name: string; readonly disks: "demo" | "blank"; readonly more?: string }): string {
  usedName(options.name);
  const suffix = options.disks === "demo" ? "" : "-blank";
  return `name: ${options.name}
machine: {memory: 64M, cpus: 1, accel: tcg}
${options.disks === "demo" ? "boot: {disk: disk0}\n" : ""}console: {serial: stdio}
shutdownGraceMs: 200
${options.more ?? ""}
devices:
  - {id: disk0, role: disk, model: lsi53c895a, disk: {file: disk0${suffix}.img}}
  - {id: disk1, role: disk, model: lsi53c895a, disk: {file: disk1${suffix}.img}}
  - {id: net0, role: net, model: e1000, net: {disconnected: true}}
`;
}

/** Prepared roots and filters are shared by all fixtures of a run: building them takes seconds, and they do not change. */
const SHARED_CACHE = join(tmpdir(), "bulkhead-test-cache");

export async function makeFixture(): Promise<MachineFixture> {
  const directory = await mkdtemp(join(STATES_FOLDER, "bulkhead-test-"));
  const environment = { ...process.env, BULKHEAD_STATE: directory, BULKHEAD_CACHE: SHARED_CACHE };
  await writeFile(join(directory, TEST_HOST_FILE), BUILT_IN_HOST, { mode: 0o644 });
  await buildDemoImages(directory, join(repositoryRoot, "native/build/boot"));
  for (const disk of ["disk0", "disk1"]) {
    const path = join(directory, `${disk}-blank.img`);
    await writeFile(path, "");
    await truncate(path, BLANK_IMAGE_BYTES);
  }
  const directories = openDirectories(environment);
  return {
    directory,
    environment,
    request: async (text, change) => ({
      spec: parseVmText(text, { file: "test.yaml", directory }),
      hostConfig: builtInHostConfig(),
      directories,
      policyFolder: join(repositoryRoot, "policies"),
      qemu: DEFAULT_QEMU,
      stdio: null,
      onLogLine: () => {},
      ...change,
    }),
    leftovers: () => [...listed(`${directories.run}/vms`), ...listed(`${directories.run}/uids`), ...leftoverCgroups()],
    remove: async () => {
      if (listed(`${directories.run}/vms`).length > 0) return;
      const faults = eventFaults(`${directories.log}/events.jsonl`);
      await rm(directory, { recursive: true });
      if (faults.length > 0) throw new Error(`the event log holds what its schema does not: ${faults.join("; ")}`);
    },
  };
}

/** Lines of the log that are no events by its published schema, with what is wrong with each. */
function eventFaults(path: string): string[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  return lines.flatMap((line) => {
    const fault = findEventFault(line);
    return fault === null ? [] : [`${line}: ${fault}`];
  });
}

function listed(path: string): string[] {
  return existsSync(path) ? readdirSync(path).map((name) => `${path}/${name}`) : [];
}

/** Where cgroup v2 is mounted, by this test's own reading. */
export function cgroupMount(): string | null {
  const line = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .find((mount) => mount.split(" ")[2] === "cgroup2");
  return line?.split(" ")[1] ?? null;
}

function leftoverCgroups(): string[] {
  const mount = cgroupMount();
  return [...namesUsed].map((name) => `${mount}/bulkhead/${name}`).filter((path) => existsSync(path));
}
