import { MachineError, StateError } from "../errors/index.js";
import { type Directories, findRun, type KnownRun } from "../state/index.js";

export function unknownVm(vm: string): StateError {
  return new StateError({
    code: "vm-unknown",
    tried: `Cannot find VM "${vm}"`,
    subject: vm,
    answer: "no VM of this name runs on this host",
    remedy: "Run `bulkhead ps` for those that do.",
  });
}

/** The VM of this name, in any state but dead. Throws StateError "vm-unknown". */
export function requireVm(directories: Directories, vm: string): KnownRun {
  const run = findRun(directories, vm);
  if (run === null || run.state === "dead") throw unknownVm(vm);
  return run;
}

/** A VM whose supervisor can be asked. Throws StateError "vm-unknown", MachineError "vm-unsupervised". */
export function requireSupervised(directories: Directories, vm: string): KnownRun {
  const run = requireVm(directories, vm);
  if (run.state !== "orphaned" && run.state !== "damaged" && run.state !== "starting") return run;
  throw new MachineError({
    code: "vm-unsupervised",
    tried: `Cannot ask for anything of VM "${vm}"`,
    subject: vm,
    answer: run.state === "starting" ? "its launch is under way" : `nobody supervises it: its state is ${run.state}`,
    remedy: run.state === "orphaned" ? `Run \`bulkhead attach ${vm}\` first, which takes it over.` : undefined,
  });
}
