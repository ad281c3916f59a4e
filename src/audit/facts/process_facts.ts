import type { NamespaceKind, ObservedProcess } from "../../observe/index.js";

/** What /proc and the kernel show of one live process, its threads included. */
export interface ProcessFacts {
  readonly kind: "process";
  /** `process 4711 (qemu-system-x86)`. The name is the process's own words: reports escape it. */
  readonly subject: string;
  readonly process: ObservedProcess;
  /** The auditor's own namespaces: what a confined process does not share. */
  readonly hostNamespaces: Readonly<Record<NamespaceKind, string>>;
}
