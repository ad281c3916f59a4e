import { sortCategories } from "./categories.js";
import { type Context, formatContext, parseContext } from "./context.js";
import { type CategoryPair, type CategoryRange, halves } from "./draw_categories.js";

/** The contexts of one process and of all that is made for it. */
export interface ProcessLabels {
  readonly process: string;
  /** Of the process that judges its qcow2 images before it starts. */
  readonly judge: string;
  readonly image: string;
  /** Of images that are only read, by any number of VMs. */
  readonly sharedImage: string;
  /** Of its private /dev and /boot, and all that they hold. */
  readonly node: string;
  readonly tap: string;
  readonly log: string;
  /** Of its connections to the launcher: monitor, serial console, verdict. */
  readonly monitor: string;
  /** Of a channel between VMM and device: the same for the whole VM. */
  readonly channel: string;
  /** Of its private root, the same for all VMs: libraries and data, and the program. */
  readonly root: string;
  readonly program: string;
}

/** Who a process is: its place in its VM, and whose it is on this host. */
export interface ProcessPlace {
  /** Context of the launcher: processes have its user and role, objects its user. */
  readonly launcher: string;
  readonly pair: CategoryPair;
  /** The category that tells it apart from the others of its VM. */
  readonly category: number;
  /** Name of its role. */
  readonly role: string;
  readonly isVmm: boolean;
}

/** selinux/bulkhead.cil names the domains by role. */
export function domainOf(role: string): string {
  return `bulkhead_${role.replaceAll("-", "_")}_t`;
}

const OBJECT_ROLE = "object_r";
/** The role of the process that judges images: policies/roles/image-judge.yaml. */
const JUDGE_ROLE = "image-judge";

/** The lattice of DESIGN.md, Identities. */
export function labelProcess(place: ProcessPlace): ProcessLabels {
  const { user, role } = parseContext(place.launcher);
  const vm = place.pair;
  const own = sortCategories([...vm, place.category]);
  const object = (type: string, level: readonly number[]): string =>
    formatContext({ user, role: OBJECT_ROLE, type: `bulkhead_${type}_t`, low: level, high: level });
  // What the VMM makes is at its low level, which its devices dominate.
  const process = (of: string): Context => ({ user, role, type: domainOf(of), low: place.isVmm ? vm : own, high: own });
  return {
    process: formatContext(process(place.role)),
    judge: formatContext(process(JUDGE_ROLE)),
    image: object("image", own),
    sharedImage: object("shared_image", []),
    node: object("node", own),
    tap: object("tap", own),
    log: object("log", own),
    monitor: object("monitor", own),
    channel: object("channel", vm),
    root: object("root", []),
    program: object("program", []),
  };
}

/** The domain of a launcher that was started by the labelled command, and the one that it narrows itself to: selinux/bulkhead.cil. */
const LAUNCHER_TYPE = "bulkhead_t";
const SUPERVISOR_TYPE = "bulkhead_supervisor_t";

/** Whose supervisor: the contexts of who is to become one and of the VMM, and the host's categories. */
export interface SupervisorPlace {
  readonly launcher: string;
  readonly vmm: string;
  readonly categories: CategoryRange;
}

/**
 * The context of a VM's supervisor: it has the VM's pair and every category that a process of it may have, also one that is added
 * later, so it reaches what is the VM's and nothing of another. Null for a launcher in another domain, which may not change it.
 */
export function supervisorContext({ launcher, vmm, categories }: SupervisorPlace): string | null {
  const { user, role, type } = parseContext(launcher);
  if (type !== LAUNCHER_TYPE) return null;
  const { own } = halves(categories);
  const all = Array.from({ length: own.last - own.first + 1 }, (_, index) => own.first + index);
  const high = sortCategories([...parseContext(vmm).low, ...all]);
  return formatContext({ user, role, type: SUPERVISOR_TYPE, low: [], high });
}

/** The type of images that are only read, by any number of VMs. */
export const SHARED_IMAGE_TYPE = "bulkhead_shared_image_t";

/** The context of a file with another type, at s0; its user stays. Null: a file without a label. */
export function relabel(before: string | null, type: string): string {
  const user = before === null ? "system_u" : parseContext(before).user;
  return formatContext({ user, role: OBJECT_ROLE, type, low: [], high: [] });
}
