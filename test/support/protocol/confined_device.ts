import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { takeStaticInventory } from "../../../src/host/index.js";
import { previewPlan } from "../../../src/index.js";
import { addon, type ExitStatus } from "../../../src/kernel/index.js";
import type { ProcessPlan } from "../../../src/plan/index.js";
import { loadRolePolicy } from "../../../src/policy/index.js";
import { createVmCgroup, openSession, prepareRoot, removeCgroup, startProcess } from "../../../src/sandbox/index.js";
import { compiledFilter } from "../../../src/seccomp/index.js";
import { demoVmText, type MachineFixture } from "../machine_fixture.js";
import { repositoryRoot } from "../repository.js";

const SOURCE = join(repositoryRoot, "native/build/reference_device/reference_device");
const TARGET = "/bin/reference-device";
const ROLE = "reference-device";
const CHANNEL_FD = 3;

export interface ConfinedDevice {
  readonly channelFd: number;
  readonly ended: Promise<ExitStatus>;
  /** Once it has ended: removes its group. */
  remove(): Promise<void>;
}

/** The reference device under its own role's filter, locked down, and otherwise as a launch confines a disk process. */
export async function startConfinedDevice(fixture: MachineFixture, name: string): Promise<ConfinedDevice> {
  const request = await fixture.request(demoVmText({ name, disks: "blank" }));
  const machine = await previewPlan(request);
  const inventory = takeStaticInventory({ source: SOURCE, target: TARGET, version: "1" });
  const root = await prepareRoot(request.directories.cache, inventory);
  const { seccomp } = loadRolePolicy({ folder: request.policyFolder, role: ROLE });
  const cacheDirectory = `${request.directories.cache}/filters`;
  const { bytes } = await compiledFilter({ policy: seccomp, phases: "lock-down", cacheDirectory });
  const plan = planDevice(machine.processes[0] as ProcessPlan, root);
  if (machine.cgroup !== null) createVmCgroup(machine.cgroup);
  const session = openSession({ vm: name, processes: [plan] });
  const [near, far] = addon.socketPair();
  const nothing = openSync("/dev/null", "r+");
  const manifest = new Map(plan.fds.map(({ fd }) => [fd, fd === CHANNEL_FD ? far : nothing]));
  const { ended, gate } = await startProcess({ plan, manifest, filter: bytes, bootFiles: [], session });
  gate?.lock();
  session.close();
  for (const fd of [far, nothing]) closeSync(fd);
  const remove = async (): Promise<void> => {
    if (plan.cgroup !== null) await removeCgroup(plan.cgroup.path);
    if (machine.cgroup !== null) await removeCgroup(machine.cgroup.path);
  };
  return { channelFd: near, ended, remove };
}

function planDevice(template: ProcessPlan, root: string): ProcessPlan {
  const landlock = template.landlock;
  return {
    ...template,
    argv: [TARGET],
    fds: [
      ...[0, 1, 2].map((fd) => ({ fd, kind: "null", purpose: "nothing", access: "rw", source: { from: "null" } }) as const),
      { fd: CHANNEL_FD, kind: "unix-stream", purpose: "channel", access: "rw", source: { from: "channel", device: template.id } },
    ],
    monitor: [],
    root: template.root.filter(({ target }) => target === "/").map((entry) => ({ ...entry, source: root })),
    nodes: [],
    landlock: landlock === null ? null : { ...landlock, rules: [{ path: TARGET, access: ["execute", "read_file"] }] },
  };
}
