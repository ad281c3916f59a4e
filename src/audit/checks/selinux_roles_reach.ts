import type { MatrixCell } from "../../selinux/index.js";
import type { Check } from "../check.js";

/** What processes of one VM share by design: the guest's memory, and what is at the level of the VM. */
const SHARED_WITHIN_VM = ["write its guest's memory", "speak on its channels", "use an fd that it opened"];
/** Found by selinux-unconstrained-reach, of which it is the case for descriptors. */
const UNCONSTRAINED_ACT = "use an fd that it opened";

export const selinuxRolesReach: Check<"selinux"> = {
  id: "selinux-roles-reach",
  on: "selinux",
  title: "One process of a VM reaches what is another's",
  severity: "critical",
  rationale:
    "Neither type nor category refuses it: a device that was taken over reads another's image, speaks on its tap or its monitor, or stops it, as far as SELinux goes.",
  remedy:
    "`bulkhead selinux matrix VM.yaml` shows who reaches what; remove the rule that allows it, or the second domain's categories from the first.",
  source: "docs/selinux.md, The lattice",
  needs: ["selinux-policy"],
  judge: ({ subject, cells }) =>
    (cells ?? []).filter(isWrong).map(({ source, target, sameVm, act }) => ({
      subject: `${subject}: ${source}, ${act}, ${sameVm ? target : `${target} of another VM`}`,
      evidence: `${source} may ${act.replace("its", `${target}'s`)}${sameVm ? "" : ", of another VM"}: neither type nor category refuses it`,
    })),
};

function isWrong({ allowed, act, sameVm }: MatrixCell): boolean {
  return allowed && act !== UNCONSTRAINED_ACT && !(sameVm && SHARED_WITHIN_VM.includes(act));
}
