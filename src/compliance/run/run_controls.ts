import { type Layer, type LayerStatuses, VMM_ID } from "../../spec/index.js";
import type { Control } from "../controls/control.js";
import { type HostileRequest, HostileVm } from "../hostile/hostile_vm.js";
import { searchLayers } from "./layer_search.js";
import { type Attempt, attemptAct, type Outcome, tryControl } from "./outcome.js";
import { judge, presentLayers, unmet, type Verdict } from "./verdict.js";

/** Subjects of one VM, beside the neighbour: side by side they cost one launch, and two CPUs verify them within a second. */
const SUBJECTS_MAX = 12;
/** Longest time for one control in one process, in ms: some thirty answers, each with a deadline of its own. */
const CONTROL_DEADLINE_MS = 30_000;

export interface RunRequest {
  readonly hostile: HostileRequest;
  readonly controls: readonly Control[];
  readonly roles: readonly string[];
  /** What this host can give. */
  readonly statuses: LayerStatuses;
  /** A name for each VM that is launched, another each time. */
  readonly nameVm: () => string;
  readonly onVerdict: (verdict: Verdict) => void;
  /** Aborted: no VM is launched any more, and the run ends. */
  readonly signal?: AbortSignal;
}

/** Tries every control in every role that it applies to. Verdicts come as they are known, and once more in order at the end. */
export async function runControls(request: RunRequest): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  const tell = (verdict: Verdict): void => {
    verdicts.push(verdict);
    request.onVerdict(verdict);
  };
  for (const role of request.roles) {
    const controls = request.controls.filter(({ roles }) => roles === null || roles.includes(role));
    const isMet = (control: Control) => presentLayers(control, request.statuses).length > 0;
    for (const control of controls) if (!isMet(control)) tell(unmet(control, role, request.statuses));
    for (const part of inParts(controls.filter(isMet), role)) await runPart(request, role, { part, tell });
  }
  const place = new Map(request.controls.map(({ id }, index) => [id, index]));
  return verdicts.sort(
    (a, b) => (place.get(a.id) ?? 0) - (place.get(b.id) ?? 0) || request.roles.indexOf(a.role) - request.roles.indexOf(b.role),
  );
}

/** A VM has one VMM, so that each control of that role has a VM. */
function inParts(controls: readonly Control[], role: string): Control[][] {
  const size = role === VMM_ID ? 1 : SUBJECTS_MAX;
  return Array.from({ length: Math.ceil(controls.length / size) }, (_, index) =>
    controls.slice(index * size, (index + 1) * size),
  );
}

async function runPart(
  request: RunRequest,
  role: string,
  { part, tell }: { part: readonly Control[]; tell: (verdict: Verdict) => void },
): Promise<void> {
  if (request.signal?.aborted === true) return;
  const outcomes = await withSubjects(request, { role, part, off: [] }, tryControl);
  const unnamed = part.filter(({ id }) => isUnnamed(outcomes.get(id)));
  const findings = await searchLayers(unnamed, request.statuses, async (controls, off) => {
    const attempts = new Map<string, Attempt>();
    for (const some of inParts(controls, role)) {
      const tried = await withSubjects(request, { role, part: some, off }, attemptAct);
      for (const [id, attempt] of tried) attempts.set(id, attempt);
    }
    return attempts;
  });
  for (const control of part) {
    const outcome = outcomes.get(control.id);
    if (outcome !== undefined) tell(judge(control, role, { outcome, finding: findings.get(control.id) ?? null }));
    else tell({ id: control.id, role, verdict: "broken", layer: null, evidence: `no end within ${CONTROL_DEADLINE_MS} ms` });
  }
}

/** Refused, with no word of the kernel's about it. */
function isUnnamed(outcome: Outcome | undefined): boolean {
  const { attempt = null, twinFault, workFault } = outcome ?? { twinFault: null, workFault: null };
  const refused = attempt?.kind === "refused" || attempt?.kind === "died";
  return refused && attempt.credited === null && twinFault === null && workFault === null;
}

interface Attempted {
  readonly role: string;
  readonly part: readonly Control[];
  readonly off: readonly Layer[];
}

/** Does something with each control in a process of its own, side by side in one VM. By the control's id. */
async function withSubjects<Result>(
  request: RunRequest,
  { role, part, off }: Attempted,
  act: (control: Control, subject: HostileVm["subjects"][number]) => Promise<Result>,
): Promise<Map<string, Result>> {
  const vm = await HostileVm.launch(request.hostile, { name: request.nameVm(), role, count: part.length, off });
  try {
    const results = await Promise.all(
      part.map(async (control, index): Promise<[string, Result] | null> => {
        const subject = vm.subjects[index];
        if (subject === undefined) throw new Error(`the VM has no process for control ${control.id}`);
        const result = await within(CONTROL_DEADLINE_MS, act(control, subject));
        return result === null ? null : [control.id, result];
      }),
    );
    return new Map(results.filter((result) => result !== null));
  } finally {
    await vm.end();
  }
}

async function within<Result>(deadlineMs: number, work: Promise<Result>): Promise<Result | null> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, deadlineMs, null);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
