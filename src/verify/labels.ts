import type { ProgramInventory } from "../host/index.js";
import { answerOf, readFileContext } from "../kernel/index.js";
import type { ObservedProcess } from "../observe/index.js";
import type { FdPlan, ProcessPlan, SelinuxPlan } from "../plan/index.js";
import type { Comparison } from "./difference.js";
import type { HeldFd } from "./fds.js";
import { compareRootLabels } from "./root_labels.js";

/** What the process was made from and given. */
interface LabelledProcess {
  readonly plan: ProcessPlan;
  readonly inventory: ProgramInventory;
  readonly held: readonly HeldFd[];
}

/** The labels of all that a process can reach, as the kernel shows them: its root, its nodes, the fds that it was given. */
export function compareLabels(
  { plan, inventory, held }: LabelledProcess,
  { pid, fds }: ObservedProcess,
  mounted: readonly string[],
  comparison: Comparison,
): void {
  const { selinux } = plan;
  if (selinux === null) return;
  const root = `/proc/${pid}/root`;
  for (const difference of compareRootLabels(root, { inventory, labels: selinux }, mounted))
    comparison.note("selinux", "the labels of its root", difference);
  const nodes = [...mounted, ...plan.nodes.map(({ name }) => `/dev/${name}`)];
  for (const place of nodes) expectLabel(`${root}${place}`, `${place} is ${selinux.node}`, comparison);
  for (const { plan: given, inode } of held) {
    const planned = labelOfFd(given, selinux);
    // QEMU moves what it is given to other numbers. One that is not there at all is a difference of fds.
    const place = fds.find((fd) => fd.inode === inode);
    if (planned === null || place === undefined) continue;
    expectLabel(`/proc/${pid}/fd/${place.fd}`, `fd ${given.fd} (${given.purpose}) is ${planned}`, comparison);
  }
}

/** Null for what has the host's own label: /dev/null. */
function labelOfFd({ source }: FdPlan, selinux: SelinuxPlan): string | null {
  switch (source.from) {
    case "null":
      return null;
    case "log":
      return selinux.log;
    case "monitor":
    case "serial":
      return selinux.monitor;
    case "channel":
      return selinux.channel;
    case "image":
      return selinux.image;
    case "backing":
      return selinux.sharedImage;
    case "data":
      return source.layer === 0 ? selinux.image : selinux.sharedImage;
    case "tap":
      return selinux.tap;
  }
}

function expectLabel(path: string, planned: string, comparison: Comparison): void {
  const place = planned.slice(0, planned.lastIndexOf(" is "));
  comparison.expect("selinux", planned, `${place} is ${contextOf(path)}`);
}

function contextOf(path: string): string {
  try {
    return readFileContext(`${path}`, "follow");
  } catch (error) {
    return `unknown (${answerOf(error)})`;
  }
}
