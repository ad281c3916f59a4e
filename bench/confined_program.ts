import { once } from "node:events";
import { Socket } from "node:net";
import { type ProgramInventory, takeInventory } from "../src/host/index.js";
import { previewPlan } from "../src/index.js";
import type { LaunchPlan, ProcessPlan } from "../src/plan/index.js";
import {
  type ConfinedProcess,
  createVmCgroup,
  openSession,
  prepareRoot,
  removeCgroup,
  type Session,
  startProcess,
} from "../src/sandbox/index.js";
import { verifyMachine } from "../src/verify/index.js";
import { benchPlanRequest, benchVmText, filterOfRole } from "./bench_machine.js";
import type { Workshop } from "./benchmark.js";
import { Manifest } from "./manifest.js";

/**
 * A small program under everything that a disk process gets: its filter, Landlock rules, limits, namespaces, ids, groups.
 * Only what names QEMU is exchanged: the root holds the program and its libraries, and the fds are the three standard ones.
 */
export class ConfinedProgram {
  readonly #machine: LaunchPlan;
  readonly #plan: ProcessPlan;
  readonly #inventory: ProgramInventory;
  readonly #filter: Buffer;
  readonly #session: Session;

  private constructor(parts: {
    machine: LaunchPlan;
    plan: ProcessPlan;
    inventory: ProgramInventory;
    filter: Buffer;
    session: Session;
  }) {
    this.#machine = parts.machine;
    this.#plan = parts.plan;
    this.#inventory = parts.inventory;
    this.#filter = parts.filter;
    this.#session = parts.session;
  }

  /** Prepares what a launch prepares once: the root, the filter, the VM's group and session. `image` is any file, for the plan to name. */
  static async prepare(
    workshop: Workshop,
    command: readonly [string, ...string[]],
    vm: { readonly number: number; readonly image: string },
  ): Promise<ConfinedProgram> {
    const vmText = benchVmText({ disks: [{ id: "disk0", file: vm.image }], card: false, number: vm.number });
    const request = await benchPlanRequest(workshop, vmText);
    const machine = await previewPlan(request);
    const template = machine.processes[0];
    if (template === undefined) throw new Error("a plan without processes");
    const inventory = await takeInventory({ program: command[0], sysroot: "/", files: [] });
    const root = await prepareRoot(request.directories.cache, inventory);
    const plan: ProcessPlan = {
      ...template,
      argv: command,
      fds: template.fds.filter((fd) => fd.source.from === "null" || fd.source.from === "log"),
      monitor: [],
      root: template.root.slice(0, 2).map((entry) => (entry.target === "/" ? { ...entry, source: root } : entry)),
    };
    if (machine.cgroup !== null) createVmCgroup(machine.cgroup);
    const filter = await filterOfRole(request, template.role);
    const session = openSession(machine);
    return new ConfinedProgram({ machine: { ...machine, processes: [plan] }, plan, inventory, filter, session });
  }

  /** From the start to the exit reaped and the process's group removed. */
  runToItsEnd(): Promise<void> {
    return this.#run(async (confined) => {
      const status = await confined.ended;
      if (status.exitCode !== 0) throw new Error(`${this.#plan.argv[0]} ended with ${JSON.stringify(status)} under confinement`);
    });
  }

  /**
   * For a program that writes and does not end by itself: once it has written, and so runs its own code, every layer is
   * read back from outside, as a launch does; then it is killed.
   */
  runVerified(): Promise<void> {
    return this.#run(async (confined, manifest) => {
      const log = new Socket({ fd: manifest.takeNear("log"), readable: true, writable: false });
      try {
        await once(log, "data");
        log.pause();
        const { held } = manifest;
        confined.gate?.lock();
        const phase = confined.gate?.phase ?? null;
        verifyMachine(this.#machine, [{ ...confined, phase, inventory: this.#inventory, held }]);
      } finally {
        log.destroy();
      }
    });
  }

  async close(): Promise<void> {
    this.#session.close();
    if (this.#machine.cgroup !== null) await removeCgroup(this.#machine.cgroup.path);
  }

  async #run(use: (confined: ConfinedProcess, manifest: Manifest) => Promise<void>): Promise<void> {
    const manifest = new Manifest(this.#plan, null);
    const start = { plan: this.#plan, manifest: manifest.places, filter: this.#filter, bootFiles: [], session: this.#session };
    const confined = await startProcess(start);
    try {
      await use(confined, manifest);
    } finally {
      confined.kill();
      await confined.ended;
      manifest.close();
      if (this.#plan.cgroup !== null) await removeCgroup(this.#plan.cgroup.path);
    }
  }
}
