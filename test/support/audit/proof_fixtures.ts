import type { ProofFacts } from "../../../src/audit/index.js";
import { assemble, combinePhases, importMinijail, prove, writeProgram } from "../../../src/seccomp/index.js";
import type { CheckFixtures } from "./fixture.js";

/** Whether a program of these statements is the policy that allows read and close. */
function proofFacts(...statements: readonly string[]): ProofFacts {
  const text = [
    "A = arch",
    "if (A != ARCH_X86_64) goto dead",
    "A = sys_number",
    ...statements,
    "dead: return KILL_PROCESS",
    "ok: return ALLOW",
  ];
  const rules = combinePhases(importMinijail({ file: "vm.policy", text: "read: 1\nclose: 1\n" }).policy, "run");
  const proof = prove(rules, writeProgram(assemble(text.join("\n"), "fixture.asm")));
  return { kind: "proof", subject: "filter.bpf", policy: "vm.policy", proof, location: { file: "vm.policy", line: 1 } };
}

export const PROOF_FIXTURES: CheckFixtures = {
  "seccomp-differs-from-policy": {
    flagged: () => proofFacts("A == read ? ok : next", "A == write ? ok : next", "A == close ? ok : dead"),
    twin: () => proofFacts("A == read ? ok : next", "A == close ? ok : dead"),
  },
};
