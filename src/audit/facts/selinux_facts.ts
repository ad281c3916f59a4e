import type { MatrixCell } from "../../selinux/index.js";
import type { Location } from "../finding.js";

/** A SELinux policy, compiled or as CIL, as far as it is about domains that are to be kept apart. */
export interface SelinuxFacts {
  readonly kind: "selinux";
  readonly subject: string;
  readonly domains: readonly SelinuxDomain[];
  /** Who may become a domain that is kept apart by categories. */
  readonly transitions: readonly SelinuxTransition[];
  /** What such a domain may do to another through classes that categories do not constrain. */
  readonly reaches: readonly SelinuxReach[];
  /** What the processes of two VMs may do to each other; null for CIL, of which it cannot be asked. */
  readonly cells: readonly MatrixCell[] | null;
}

export interface SelinuxDomain {
  readonly type: string;
  /** Whether categories constrain it; null where the policy allows it nothing by which to tell. */
  readonly isConstrained: boolean | null;
  /** Null where it cannot be read: policies older than permissive types. */
  readonly isPermissive: boolean | null;
  /** Whether it starts domains that are kept apart, and so has every category itself. */
  readonly isLauncher: boolean;
  readonly location: Location | null;
}

export interface SelinuxTransition {
  readonly from: string;
  readonly to: string;
  /** Whether it works under no_new_privs: process2 nnp_transition. */
  readonly underNoNewPrivs: boolean;
  readonly location: Location | null;
}

export interface SelinuxReach {
  readonly source: string;
  readonly target: string;
  readonly objectClass: string;
  readonly permissions: readonly string[];
  readonly location: Location | null;
}

/** A location as an observation has it. */
export function at(location: Location | null): { readonly location?: Location } {
  return location === null ? {} : { location };
}
