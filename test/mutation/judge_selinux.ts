import { join } from "node:path";
import { CompiledPolicy, type PolicyCheck, readChecks, runChecks } from "../../src/selinux/index.js";
import { repositoryRoot } from "../support/repository.js";
import { compileModule } from "../support/selinux/compile_policy.js";
import type { JudgedMutant, Outcome } from "./mutant.js";
import type { SelinuxMutant } from "./selinux_mutants.js";

/** The assertions that `bulkhead selinux check` holds the loaded policy against. */
const CHECKS = join(repositoryRoot, "selinux/checks");

/** Judges mutants of the module: each is compiled, and asked what the installed policy is asked. One policy at a time, as libsepol has it. */
export function judgeSelinuxMutants(mutants: Iterable<SelinuxMutant>): JudgedMutant[] {
  const checks = readChecks(CHECKS);
  const all = [...mutants];
  const known = compiled(
    "",
    (module) => module,
    (policy) => all.map((mutant) => isGranted(policy, mutant)),
  );
  return all.map((mutant, index) => ({
    id: mutant.id,
    layer: "selinux",
    outcome: judge(mutant, checks, known.result?.[index] === true),
  }));
}

function judge(mutant: SelinuxMutant, checks: readonly PolicyCheck[], isKnown: boolean): Outcome {
  if (isKnown) return { kind: "equivalent", proof: "decide: the module has such a rule already" };
  const { said, result } = compiled(mutant.more, mutant.change, (policy) =>
    runChecks(policy, checks).find(({ passed }) => !passed),
  );
  if (said !== null) return { kind: "noticed", by: "neverallow rules", evidence: firstLine(said) };
  if (result === undefined) return { kind: "uncovered" };
  return { kind: "noticed", by: "policy checks", evidence: `${result.check.name}: ${result.observed}` };
}

/** Loads the changed module's policy and asks it. `said`: why it was not compiled; null: it was. */
function compiled<Result>(
  more: string,
  change: SelinuxMutant["change"],
  ask: (policy: CompiledPolicy) => Result,
): { said: string | null; result?: Result } {
  const module = compileModule(more, change === null ? {} : { module: change });
  try {
    if (module.path === null) return { said: module.said };
    return { said: null, result: ask(CompiledPolicy.load(module.path)) };
  } finally {
    module.remove();
  }
}

/** Whether a type rule of the policy, asked with categories that dominate, grants what the mutant would. */
function isGranted(policy: CompiledPolicy, { id }: SelinuxMutant): boolean {
  const [kind, domain = "", target = "", objectClass = "", permission = ""] = id.split("/");
  if (kind !== "allow") return false;
  const source = `system_u:system_r:${domain}:s0:c1,c2,c700`;
  const own = target === "self" ? domain : target;
  const role = objectClass.startsWith("process") || objectClass === "fd" || target === "self" ? "system_r" : "object_r";
  const question = { source, target: `system_u:${role}:${own}:s0:c1,c2,c700`, objectClass, permissions: [permission] };
  return policy.decide(question).denied.length === 0;
}

function firstLine(said: string): string {
  return said.split("\n").find((line) => line.includes("neverallow")) ?? said.split("\n")[0] ?? "";
}
