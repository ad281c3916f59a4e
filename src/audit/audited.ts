import type { Facts } from "./facts.js";
import type { Unknown } from "./finding.js";
import type { Picture } from "./picture.js";

/** One thing that is judged by itself and has an exposure of its own: a process, a role, a program. */
export interface Audited {
  readonly subject: string;
  readonly facts: readonly Facts[];
  /** A thread of it has no filter, or its filters could not be read: for its exposure every call passes. */
  readonly isUnfiltered: boolean;
}

/** What reading a target came to. */
export interface TargetFacts {
  /** As the user named it. */
  readonly target: string;
  readonly audited: readonly Audited[];
  /** What could not be read. */
  readonly unknown: readonly Unknown[];
  /** What the target's files grant, traced to its rules; empty for what no file of ours describes. */
  readonly grants: readonly TracedGrant[];
  /** Of live processes; absent for what does not run. */
  readonly picture?: Picture;
}

/** Something that a process is given, and who says so. */
export interface TracedGrant {
  /** The process or role. */
  readonly subject: string;
  /** `fcntl(cmd in [F_GETFL, F_SETFL])`, `fd 3: proxy/remote channel to the VMM`. */
  readonly grant: string;
  /** `roles/disk.yaml:12`, or the VM file. */
  readonly from: string;
  readonly why: string;
}
