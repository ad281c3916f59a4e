import type { Layer, LayerStatuses } from "../../spec/index.js";
import type { Control } from "../controls/control.js";
import { removeForgottenImages } from "../hostile/hostile_spec.js";
import type { LayerDepth, PlanDifference, ReportedControl } from "../report/compliance_report.js";
import { attemptAll, CONTROL_DEADLINE_MS, type VmSource } from "./attempt_all.js";
import { measureDepth } from "./depth.js";
import { searchLayers, type TryWithout } from "./layer_search.js";
import { attemptAct, type Outcome, tryControl } from "./outcome.js";
import { comparePlans } from "./plan_difference.js";
import { broken, judge, presentLayers, unmet } from "./verdict.js";

export interface RunRequest extends VmSource {
  readonly controls: readonly Control[];
  readonly roles: readonly string[];
  /** What this host can give. */
  readonly statuses: LayerStatuses;
  /** Layers that all processes start without, to see controls fail. */
  readonly without: readonly Layer[];
  /** Whether the table of layers that would each have refused alone is measured. */
  readonly measuresDepth: boolean;
  readonly onControl: (control: ReportedControl) => void;
  /** Gets what is done next, as a clause. */
  readonly onProgress: (step: string) => void;
}

/** What a run found, the controls in the order of their ids. */
export interface RunResult {
  readonly controls: readonly ReportedControl[];
  readonly plans: readonly PlanDifference[];
  readonly depth: readonly LayerDepth[];
}

/** Tries every control in every role that it applies to. Throws what a launch throws, and the reason of an aborted signal. */
export async function runControls(request: RunRequest): Promise<RunResult> {
  removeForgottenImages(request.hostile.directories.run);
  const run = new Run(request);
  for (const role of request.roles) await run.tryRole(role);
  return run.result;
}

class Run {
  readonly #request: RunRequest;
  readonly #controls: ReportedControl[] = [];
  readonly #plans: PlanDifference[] = [];
  readonly #depth: LayerDepth[] = [];

  constructor(request: RunRequest) {
    this.#request = request;
  }

  get result(): RunResult {
    const place = new Map(this.#request.roles.map((role, index) => [role, index]));
    const placeOf = ({ role }: ReportedControl): number => place.get(role) ?? 0;
    const controls = this.#controls.sort((a, b) => (a.id === b.id ? placeOf(a) - placeOf(b) : a.id < b.id ? -1 : 1));
    return { controls, plans: this.#plans, depth: this.#depth };
  }

  async tryRole(role: string): Promise<void> {
    const { controls: all, statuses, hostile, nameVm, measuresDepth, onProgress } = this.#request;
    const controls = all.filter(({ roles }) => roles === null || roles.includes(role));
    const isMet = (control: Control) => presentLayers(control, statuses).length > 0;
    const met = controls.filter(isMet);
    onProgress(`${role}: ${met.length} controls`);
    this.#plans.push({ role, differences: await comparePlans(hostile, nameVm(), role) });
    for (const control of controls) if (!isMet(control)) this.#tell(unmet(control, role, statuses));
    await this.#tryControls(met, role);
    const deep = measuresDepth ? met.filter(({ depth }) => depth) : [];
    if (deep.length > 0) onProgress(`${role}: which layer would have refused alone, for ${deep.length} acts`);
    this.#depth.push(...(await measureDepth(deep, { role, statuses, tryWithout: this.#without(role) })));
  }

  async #tryControls(controls: readonly Control[], role: string): Promise<void> {
    const { statuses, onProgress } = this.#request;
    const outcomes = await attemptAll(this.#request, { role, off: this.#request.without }, { controls, act: tryControl });
    const unnamed = controls.filter(({ id }) => isUnnamed(outcomes.get(id)));
    if (unnamed.length > 0) onProgress(`${role}: who refused ${unnamed.length} acts of which the kernel says nothing`);
    const findings = await searchLayers(unnamed, statuses, this.#without(role));
    for (const control of controls) {
      const outcome = outcomes.get(control.id);
      if (outcome !== undefined) this.#tell(judge(control, role, { outcome, finding: findings.get(control.id) ?? null }));
      else this.#tell(broken(control, role, `no end within ${CONTROL_DEADLINE_MS} ms`));
    }
  }

  #without(role: string): TryWithout {
    const { without } = this.#request;
    return (controls, off) =>
      attemptAll(this.#request, { role, off: [...new Set([...without, ...off])] }, { controls, act: attemptAct });
  }

  #tell(control: ReportedControl): void {
    this.#controls.push(control);
    this.#request.onControl(control);
  }
}

/** Refused, with no word of the kernel's about it. */
function isUnnamed(outcome: Outcome | undefined): boolean {
  const { attempt = null, twinFault, workFault } = outcome ?? { twinFault: null, workFault: null };
  const refused = attempt?.kind === "refused" || attempt?.kind === "died";
  return refused && attempt.credited === null && twinFault === null && workFault === null;
}
