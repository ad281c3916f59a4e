import type { SyscallRule } from "../seccomp/index.js";

/** Names of the calls that rules are about, each once, sorted, without those of other rules. */
export function syscallNames(rules: readonly SyscallRule[], except: readonly SyscallRule[]): string[] {
  const excluded = new Set(except.map((rule) => rule.syscall));
  return [...new Set(rules.map((rule) => rule.syscall))].filter((name) => !excluded.has(name)).sort();
}
