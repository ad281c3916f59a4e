import { readFileSync, readlinkSync } from "node:fs";
import { NAMESPACE_FILES, type NamespaceKind } from "../namespaces.js";
import { attempt, type Reading } from "./reading.js";

/** What the host says that bears on every process. */
export interface LiveHost {
  /** Namespaces that count as the host's, and whose they are: `process 1 (systemd)`. */
  readonly reference: { readonly owner: string; readonly namespaces: Reading<Readonly<Record<NamespaceKind, string>>> };
  /** Active security modules in their order: lsm= of Documentation/admin-guide/LSM/index.rst. */
  readonly securityModules: Reading<readonly string[]>;
  /** Yama's ptrace_scope, 0 to 3; null: the kernel runs without Yama. Documentation/admin-guide/LSM/Yama.rst. */
  readonly ptraceScope: Reading<number | null>;
}

const OWN = "self";

export function observeHost(): LiveHost {
  const init = attempt(() => namespacesOf("1"));
  return {
    // In a container process 1 is the container's own first: the report says with whom it compared.
    reference: init.known
      ? { owner: `process 1 (${readFileSync("/proc/1/comm", "utf8").trimEnd()})`, namespaces: init }
      : { owner: "the auditor itself", namespaces: attempt(() => namespacesOf(OWN)) },
    securityModules: attempt(() => readFileSync("/sys/kernel/security/lsm", "utf8").trim().split(",")),
    ptraceScope: attempt(() => readOptional("/proc/sys/kernel/yama/ptrace_scope")),
  };
}

function namespacesOf(process: string): Record<NamespaceKind, string> {
  const entries = Object.entries(NAMESPACE_FILES).map(([kind, file]) => [kind, readlinkSync(`/proc/${process}/ns/${file}`)]);
  return Object.fromEntries(entries) as Record<NamespaceKind, string>;
}

function readOptional(path: string): number | null {
  try {
    return Number(readFileSync(path, "utf8").trim());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
