import type { Layer, LayerStatuses } from "../../spec/index.js";
import type { Control } from "../controls/control.js";
import { removeForgottenImages } from "../hostile/hostile_spec.js";
import type { Subject } from "../hostile/subject.js";
import type { LayerDepth, PlanDifference, ReportedControl } from "../report/compliance_report.js";
import { attemptAll, CONTROL_DEADLINE_MS, type VmSource } from "./attempt_all.js";
import { measureDepth } from "./depth.js";
import { removableHere, searchBare, searchLayers, type TryWithout } from "./layer_search.js";
import { attemptAct, type Outcome, tryControl } from "./outcome.js";
import { comparePlans } from "./plan_difference.js";
import { judgeReviewed } from "./reviewed_controls.js";
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
  /** Policy folder with what the roles were reviewed to be allowed; null: they are not held against it. */
  readonly reviewedFolder: string | null;
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
    const { controls: all, statuses, hostile, nameVm, sandbox, measuresDepth, onProgress } = this.#request;
    const controls = all.filter(({ roles }) => roles === null || roles.includes(role));
    const isMet = (control: Control) => presentLayers(control, statuses).length > 0;
    const met = controls.filter(isMet);
    onProgress(`${role}: ${met.length} controls`);
    if (sandbox !== undefined) return void (await this.#tryEach(met, role, () => false));
    this.#plans.push({ role, differences: await comparePlans(hostile, nameVm(), role) });
    for (const control of controls) if (!isMet(control)) this.#tell(unmet(control, role, statuses));
    await this.#tryControls(
      met.filter(({ alone }) => !alone),
      role,
    );
    await this.#tryAlone(
      met.filter(({ alone }) => alone),
      role,
    );
    await this.#review(role);
    const deep = measuresDepth ? met.filter(({ depth }) => depth) : [];
    if (deep.length > 0) onProgress(`${role}: which layer would have refused alone, for ${deep.length} acts`);
    this.#depth.push(...(await measureDepth(deep, { role, statuses, tryWithout: this.#without(role) })));
  }

  async #tryControls(controls: readonly Control[], role: string): Promise<void> {
    const { statuses, onProgress } = this.#request;
    const outcomes = await this.#tryEach(controls, role, isUnnamed);
    const unnamed = controls.filter(({ id }) => isUnnamed(outcomes.get(id)));
    if (unnamed.length > 0) onProgress(`${role}: who refused ${unnamed.length} acts of which the kernel says nothing`);
    const findings = await searchLayers(unnamed, statuses, this.#without(role));
    for (const control of unnamed) {
      const outcome = outcomes.get(control.id) as Outcome;
      this.#tell(judge(control, role, { outcome, finding: findings.get(control.id) ?? null }));
    }
  }

  async #review(role: string): Promise<void> {
    const { reviewedFolder, without, onProgress } = this.#request;
    if (reviewedFolder === null) return;
    onProgress(`${role}: all that it may do against what was reviewed`);
    for (const control of await judgeReviewed(this.#request, { role, off: without }, reviewedFolder)) this.#tell(control);
  }

  /** Judges at once what is not left for later. */
  async #tryEach(
    controls: readonly Control[],
    role: string,
    isForLater: (outcome: Outcome) => boolean,
  ): Promise<ReadonlyMap<string, Outcome>> {
    const act = async (control: Control, subject: Subject): Promise<Outcome> => {
      const outcome = await tryControl(control, subject);
      if (!isForLater(outcome)) this.#tell(judge(control, role, { outcome, finding: null }));
      return outcome;
    };
    const outcomes = await attemptAll(this.#request, { role, off: this.#request.without }, { controls, act });
    for (const control of controls)
      if (!outcomes.has(control.id)) this.#tell(broken(control, role, `no end within ${CONTROL_DEADLINE_MS} ms`));
    return outcomes;
  }

  /** Those of the same layers side by side. */
  async #tryAlone(controls: readonly Control[], role: string): Promise<void> {
    const { statuses, without, onProgress } = this.#request;
    if (controls.length > 0) onProgress(`${role}: ${controls.length} acts against one layer alone`);
    for (const layers of new Set(controls.map((control) => control.layers.join(" ")))) {
      const same = controls.filter((control) => control.layers.join(" ") === layers);
      const others = removableHere(statuses).filter((layer) => !layers.split(" ").includes(layer));
      const off = [...new Set([...without, ...others])];
      const outcomes = await attemptAll(this.#request, { role, off }, { controls: same, act: tryControl });
      const findings = await searchBare(same, statuses, this.#without(role));
      for (const control of same) {
        const outcome = outcomes.get(control.id);
        if (outcome === undefined) this.#tell(broken(control, role, `no end within ${CONTROL_DEADLINE_MS} ms`));
        else this.#tell(judge(control, role, { outcome, finding: findings.get(control.id) ?? null }));
      }
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
