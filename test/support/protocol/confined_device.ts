import { previewPlan } from "../../../src/index.js";
import type { ExitStatus } from "../../../src/kernel/index.js";
import { MachineFds } from "../../../src/machine/channels.js";
import { knownDeviceInventory } from "../../../src/machine/inventory_cache.js";
import { loadRolePolicy } from "../../../src/policy/index.js";
import { createVmCgroup, openSession, prepareRoot, removeCgroup, startProcess } from "../../../src/sandbox/index.js";
import { compiledFilter } from "../../../src/seccomp/index.js";
import { parseHostText } from "../../../src/spec/index.js";
import { type MachineFixture, usedName } from "../machine_fixture.js";
import { installPrograms } from "../program_devices.js";

const ROLE = "reference-device";
const ID = "ref0";

export interface ConfinedDevice {
  readonly pid: number;
  /** The VMM's end of its channel. */
  readonly channelFd: number;
  readonly ended: Promise<ExitStatus>;
  kill(): void;
  /** Once it has ended: removes its group. */
  remove(): Promise<void>;
}

/** The reference device as a launch confines it, locked down, with its channel in the caller's hands instead of a VMM's. */
export async function startConfinedDevice(fixture: MachineFixture, name: string): Promise<ConfinedDevice> {
  const { reference, hostText } = installPrograms(fixture.directory);
  const hostConfig = parseHostText(hostText, { file: "host.yaml", directory: fixture.directory });
  const devices = `devices: [{id: ${ID}, role: ${ROLE}, program: ${reference}}]`;
  const text = `name: ${usedName(name)}\nmachine: {memory: 64M, accel: auto}\n${devices}\n`;
  const request = await fixture.request(text, { hostConfig });
  const machine = await previewPlan(request);
  const plan = machine.processes.find(({ id }) => id === ID);
  const program = hostConfig.programs.find(({ file }) => file === reference);
  if (plan === undefined || program === undefined) throw new Error("the device was not planned");
  const { cache } = request.directories;
  await prepareRoot(cache, await knownDeviceInventory(cache, program), plan.selinux);
  const { seccomp } = loadRolePolicy({ folder: request.policyFolder, role: ROLE });
  const { bytes } = await compiledFilter({ policy: seccomp, phases: "lock-down", cacheDirectory: `${cache}/filters` });
  if (machine.cgroup !== null) createVmCgroup(machine.cgroup);
  const session = openSession({ vm: name, processes: [plan] });
  const fds = new MachineFds(new Map());
  const manifest = new Map(fds.make(plan).held.map((held) => [held.plan.fd, held.fd as number]));
  const confined = await startProcess({ plan, manifest, filter: bytes, bootFiles: [], session });
  confined.gate?.lock();
  session.close();
  const channelFd = fds.handOver(fds.channelEnd(ID, "vmm").fd);
  fds.close();
  const remove = async (): Promise<void> => {
    if (plan.cgroup !== null) await removeCgroup(plan.cgroup.path);
    if (machine.cgroup !== null) await removeCgroup(machine.cgroup.path);
  };
  return { pid: confined.pid, channelFd, ended: confined.ended, kill: () => confined.kill(), remove };
}
