import { copyFile, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { takeDeviceInventory } from "../src/host/index.js";
import { previewPlan } from "../src/index.js";
import type { LaunchPlan, ProcessPlan } from "../src/plan/index.js";
import { prepareRoot, removeCgroup, type Session, startProcess } from "../src/sandbox/index.js";
import type { DeviceProgram } from "../src/spec/index.js";
import { benchPlanRequest, filterOfRole } from "./bench_machine.js";
import { REPOSITORY, type Workshop } from "./benchmark.js";
import { Manifest } from "./manifest.js";
import { startPlain } from "./plain_process.js";

/** The programs that are measured, by the id of their device. */
const REFERENCE = "native/build/reference_device/reference_device";
const ENGINE = "dist/bundle/devices/dma_engine.mjs";
const ADDON = "native/build/Release/bulkhead.node";

export type ProgramId = "reference" | "engine";

/** A plan with a process for each program, and the filter of each one's role. */
export interface ProgramParts {
  readonly machine: LaunchPlan;
  readonly plans: Readonly<Record<ProgramId, ProcessPlan>>;
  readonly filters: Readonly<Record<ProgramId, Buffer>>;
}

/** The channel's end of who speaks for the VMM; `end` closes it, which ends the process, and removes its group. */
export interface ProgramProcess {
  readonly channelFd: number;
  end(): Promise<void>;
}

/** Plans both programs, from copies that are root's whoever owns the checkout, and prepares their roots. */
export async function prepareSubjects(workshop: Workshop, name: string): Promise<ProgramParts> {
  const install = async (file: string): Promise<string> => {
    const to = join(workshop.directory, file);
    await mkdir(dirname(to), { recursive: true });
    await copyFile(join(REPOSITORY, file), to);
    return to;
  };
  const [reference, engine, addon] = [await install(REFERENCE), await install(ENGINE), await install(ADDON)];
  const interpreter = [process.execPath, "--jitless"];
  const programs: DeviceProgram[] = [
    { file: reference, roles: ["reference-device"], interpreter: null, files: [] },
    { file: engine, roles: ["javascript-device"], interpreter, files: [addon] },
  ];
  const vmText = `name: ${name}\nmachine: {memory: 64M, accel: tcg}\ndevices:
  - {id: reference, role: reference-device, program: ${reference}}
  - {id: engine, role: javascript-device, program: ${engine}}\n`;
  const request = await benchPlanRequest(workshop, vmText);
  const machine = await previewPlan({ ...request, hostConfig: { ...request.hostConfig, programs } });
  for (const program of programs) await prepareRoot(request.directories.cache, await takeDeviceInventory(program));
  const planOf = (id: ProgramId): ProcessPlan => {
    const plan = machine.processes.find((process) => process.id === id);
    if (plan === undefined) throw new Error(`the plan has no ${id}`);
    return plan;
  };
  return {
    machine,
    plans: { reference: planOf("reference"), engine: planOf("engine") },
    filters: {
      reference: await filterOfRole(request, "reference-device"),
      engine: await filterOfRole(request, "javascript-device"),
    },
  };
}

/** As a launch starts it; locked down. The group of its VM must be there. */
export async function startConfinedProgram(parts: ProgramParts, id: ProgramId, session: Session): Promise<ProgramProcess> {
  const plan = parts.plans[id];
  const manifest = new Manifest(plan, null);
  const confined = await startProcess({ plan, manifest: manifest.places, filter: parts.filters[id], bootFiles: [], session });
  // A script has not started yet, and answers without being locked down: the filter that is measured is the same.
  if (id === "reference") confined.gate?.lock();
  return processOf(manifest, confined.ended, plan.cgroup?.path ?? null);
}

/** The same command line and fds, and nothing taken away; with another command line where one is given. */
export async function startPlainProgram(
  parts: ProgramParts,
  id: ProgramId,
  how: { readonly session: Session; readonly argv?: readonly string[] },
): Promise<ProgramProcess> {
  const manifest = new Manifest(parts.plans[id], null);
  const { ended } = await startPlain(how.session, how.argv ?? parts.plans[id].argv, manifest.places);
  return processOf(manifest, ended, null);
}

function processOf(manifest: Manifest, ended: Promise<unknown>, cgroup: string | null): ProgramProcess {
  manifest.closeFar();
  const channelFd = manifest.takeNear("channel");
  const end = async (): Promise<void> => {
    await ended;
    manifest.close();
    if (cgroup !== null) await removeCgroup(cgroup);
  };
  return { channelFd, end };
}
