import * as assert from "uvu/assert";
import { combinePhases, decideCall, describeAnswer, encodeAction, type ImportedPolicy } from "../../../../src/seccomp/index.js";

/** What an imported policy answers, in words; rules never contradict each other in these tests. */
export function ask({ policy }: ImportedPolicy, syscall: string, ...args: bigint[]): string {
  const decision = decideCall(combinePhases(policy, "run"), syscall, args);
  assert.not.ok(decision.conflict, `${syscall}(${args.join(", ")})`);
  return describeAnswer(encodeAction(decision.action));
}

/** The message with which a malformed text is refused. */
export function problemOf(attempt: () => unknown): string {
  try {
    attempt();
  } catch (error) {
    assert.is((error as { code: string }).code, "format-invalid");
    return (error as Error).message;
  }
  return "";
}
