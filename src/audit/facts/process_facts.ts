import type { LiveHost, LiveProcess, LiveSocket, SocketHolders } from "../../observe/index.js";

/** What /proc and the kernel show of one live process, its threads included. */
export interface ProcessFacts {
  readonly kind: "process";
  /** `process 4711 (qemu-system-x86)`, `disk0 of web1 (process 4711)`. The name is the process's own words: reports escape it. */
  readonly subject: string;
  readonly process: LiveProcess;
  readonly host: LiveHost;
  /** A socket by its inode, of its network namespace or the auditor's; null: neither lists it. */
  readonly findSocket: (inode: number) => LiveSocket | null;
  /** Who holds which socket, for the other ends of its own. */
  readonly holders: SocketHolders;
}
