import type { DeathCause } from "../../machine/index.js";
import type { RefusedCall } from "../../sandbox/index.js";
import type { Puppet } from "./puppet.js";

/** One hostile process to try an act in. */
export interface Subject {
  readonly id: string;
  readonly role: string;
  /** Its group; null: none of its own. */
  readonly cgroup: string | null;
  readonly puppet: Puppet;
  /** What `$NAME` means in its acts. */
  readonly names: ReadonlyMap<string, bigint>;
  /** Calls that its gate refused so far. */
  readonly refused: readonly RefusedCall[];
  /** Does its ordinary work once; what it did not do, or null. Throws when it does not answer. */
  work(): Promise<string | null>;
  /** Likewise, of the process beside it. */
  neighbourWork(): Promise<string | null>;
  /** Why it ended, once it has; null while it lives. */
  death(): Promise<DeathCause | null>;
}
