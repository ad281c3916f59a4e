import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readReviewed } from "../../src/compliance/boundary/reviewed_role.js";
import {
  type LayerFigure,
  MUTATION_RECORD,
  type MutationRecord,
  mutationKey,
} from "../../src/compliance/report/mutation_record.js";
import type { LaunchPlan } from "../../src/plan/index.js";
import { listRoles, loadRolePolicy } from "../../src/policy/index.js";
import { repositoryRoot } from "../support/repository.js";
import { judgeGrantMutants } from "./grant_mutants.js";
import { judgeSeccompMutants } from "./judge_seccomp.js";
import { judgeSelinuxMutants } from "./judge_selinux.js";
import type { JudgedMutant } from "./mutant.js";
import { judgePlanMutants } from "./plan_mutants.js";
import { seccompMutants } from "./seccomp_mutants.js";
import { selinuxMutants } from "./selinux_mutants.js";

const POLICIES = join(repositoryRoot, "policies");
/** Plans with a process of each role. */
const PLANS = ["devices_disk_and_net", "serial_lines", "usb_controllers", "audio_cards"];
/** Least share of mutants that are not equivalent that must be noticed. */
const NOTICED_MIN = 0.95;

function judgeAll(): JudgedMutant[] {
  const judged: JudgedMutant[] = [];
  const add = (what: string, mutants: JudgedMutant[]): void => {
    judged.push(...mutants);
    const uncovered = mutants.filter(({ outcome }) => outcome.kind === "uncovered").length;
    process.stderr.write(`mutation: ${what}: ${mutants.length} mutants, ${uncovered} uncovered\n`);
  };
  for (const role of listRoles(POLICIES)) {
    const reviewed = readReviewed(POLICIES, role);
    add(`filter of ${role}`, judgeSeccompMutants(reviewed.rules, seccompMutants(role, reviewed.rules)));
    add(`grants of ${role}`, judgeGrantMutants(reviewed.grants, loadRolePolicy({ folder: POLICIES, role })));
  }
  for (const plan of onePlanEach()) add(`plan of ${plan.role}`, judgePlanMutants(plan));
  add("SELinux module", judgeSelinuxMutants(selinuxMutants()));
  return judged;
}

/** One process of each role. */
function onePlanEach(): LaunchPlan["processes"][number][] {
  const plans = PLANS.map((name) => join(repositoryRoot, `test/golden/plans/${name}.plan.json`));
  const processes = plans.flatMap((file) => (JSON.parse(readFileSync(file, "utf8")) as LaunchPlan).processes);
  return [...new Map(processes.map((process) => [process.role, process])).values()];
}

function countLayers(judged: readonly JudgedMutant[]): Record<string, LayerFigure> {
  const layers = [...new Set(judged.map(({ layer }) => layer))];
  return Object.fromEntries(
    layers.map((layer) => {
      const own = judged.filter((mutant) => mutant.layer === layer);
      const count = (kind: JudgedMutant["outcome"]["kind"]) => own.filter(({ outcome }) => outcome.kind === kind).length;
      return [
        layer,
        { mutants: own.length, equivalent: count("equivalent"), refused: count("refused"), noticed: count("noticed") },
      ];
    }),
  );
}

const policyKey = () => mutationKey(POLICIES, join(repositoryRoot, "selinux"));

function recordOf(judged: readonly JudgedMutant[], key: string): MutationRecord {
  const noticedBy: Record<string, number> = {};
  const equivalent: Record<string, string> = {};
  const refused: Record<string, string> = {};
  for (const { id, layer, outcome } of judged) {
    if (outcome.kind === "noticed") noticedBy[outcome.by] = (noticedBy[outcome.by] ?? 0) + 1;
    if (outcome.kind === "equivalent") equivalent[`${layer}/${id}`] = outcome.proof;
    // Positions of the reviewed rules are no part of why the two rules contradict each other.
    if (outcome.kind === "refused") refused[`${layer}/${id}`] = outcome.by;
  }
  const uncovered = judged.filter(({ outcome }) => outcome.kind === "uncovered").map(({ id, layer }) => `${layer}/${id}`);
  return { key, layers: countLayers(judged), noticedBy, equivalent, refused, uncovered };
}

const key = policyKey();
const record = recordOf(judgeAll(), key);
if (policyKey() !== key) throw new Error("the policies changed while their mutants were judged; run it again");
writeFileSync(join(POLICIES, MUTATION_RECORD), `${JSON.stringify(record, null, 2)}\n`);
const noticed = Object.values(record.layers).reduce((sum, layer) => sum + layer.noticed, 0);
const share = noticed / (noticed + record.uncovered.length);
process.stdout.write(`${JSON.stringify(record.layers, null, 2)}\n${(100 * share).toFixed(1)} % noticed\n`);
if (share < NOTICED_MIN) process.exitCode = 1;
