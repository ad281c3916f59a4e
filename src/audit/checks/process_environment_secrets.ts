import type { Check } from "../check.js";
import { nameSome, whenKnown } from "../judge_reading.js";

/** Names of variables that hold what opens something else. */
const SECRET = /(^|_)(PASS(WORD|WD|PHRASE)?|SECRET|TOKEN|CREDENTIALS?|API_?KEY|PRIVATE_?KEY|ACCESS_?KEY|AUTH_?KEY)(_|$)/i;

export const processEnvironmentSecrets: Check<"process"> = {
  id: "process-environment-secrets",
  on: "process",
  title: "The environment seems to hold secrets",
  severity: "medium",
  rationale:
    "The environment is in the process's memory from its first instruction, is handed to every program that it starts, and every process of its uid reads it in /proc. Who owns the process has the secret.",
  remedy: "Hand secrets over as files or fds: LoadCredential= in its unit; start it with env -i and the variables that it needs.",
  source: "/proc/PID/environ, proc_pid_environ(5); names only, no value is kept or printed",
  needs: ["proc"],
  judge: (facts) =>
    whenKnown(facts.process.environment, facts, ({ names, withPassword }) => {
      const found = [...new Set([...names.filter((name) => SECRET.test(name)), ...withPassword])];
      return found.length === 0 ? [] : [{ subject: facts.subject, evidence: `variables: ${nameSome(found)}` }];
    }),
};
