import type { PlanFacts } from "../../../src/audit/index.js";
import type { ProcessPlan } from "../../../src/plan/index.js";
import { LAYERS, type LayerStatus, type LayerStatuses } from "../../../src/spec/index.js";
import type { CheckFixtures } from "./fixture.js";

/** A process whose layers are all enforced but those named. Checks of plans look at nothing else of it. */
function planFacts(lacking: Partial<Record<(typeof LAYERS)[number], LayerStatus>>, required: readonly string[] = []): PlanFacts {
  const layers = { ...Object.fromEntries(LAYERS.map((layer) => [layer, { status: "enforced" }])), ...lacking } as LayerStatuses;
  return {
    kind: "plan",
    subject: "disk0 of web1",
    process: { id: "disk0", role: "disk", layers } as unknown as ProcessPlan,
    required,
    location: { file: "web1.yaml", line: 6 },
  };
}

export const PLAN_FIXTURES: CheckFixtures = {
  "plan-layer-lacking": {
    flagged: () => planFacts({ selinux: { status: "unavailable", why: "the kernel runs without SELinux" } }),
    twin: () => planFacts({}),
  },
};
