import type { PolicyFacts } from "../../../src/audit/index.js";
import { rule } from "../../unit/seccomp/rules_for_tests.js";
import type { CheckFixtures } from "./fixture.js";

function policyFacts(changes: Partial<PolicyFacts>): PolicyFacts {
  return { kind: "policy", subject: "role test", start: [], run: [], frequencies: [], ...changes };
}

const READS = { syscall: "read", args: [0n, 0n, 0n, 0n, 0n, 0n], count: 12 };
/** FIONBIO: include/uapi/asm-generic/ioctls.h. */
const FIONBIO = 0x5421n;

export const POLICY_FIXTURES: CheckFixtures = {
  "policy-grant-unused": {
    flagged: () => policyFacts({ run: [rule("read"), rule("write")], frequencies: [READS] }),
    twin: () => policyFacts({ run: [rule("read")], frequencies: [READS] }),
  },
  "policy-open-ended-check": {
    flagged: () => policyFacts({ run: [rule("ioctl", [{ index: 1, width: 32, op: "!=", value: FIONBIO }])] }),
    twin: () => policyFacts({ run: [rule("ioctl", [{ index: 1, width: 32, op: "==", value: FIONBIO }])] }),
  },
};
