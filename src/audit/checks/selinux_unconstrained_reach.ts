import type { Check } from "../check.js";
import { at } from "../facts/selinux_facts.js";

export const selinuxUnconstrainedReach: Check<"selinux"> = {
  id: "selinux-unconstrained-reach",
  on: "selinux",
  title: "One domain reaches another through a class that categories do not constrain",
  severity: "low",
  rationale:
    "Categories hold files, sockets and signals of two VMs apart, and not descriptors, anonymous inodes or BPF objects: where a type rule allows those, it allows them across VMs. Somebody has to hand the object over first.",
  remedy: "Allow it only between the domains that need it, and keep both from receiving descriptors of others.",
  source: "refpolicy, policy/mcs, which has no constraint on fd, anon_inode, memfd_file, bpf, perf_event, io_uring",
  needs: ["selinux-policy"],
  judge: ({ subject, reaches }) =>
    reaches.map(({ source, target, objectClass, permissions, location }) => ({
      subject: `${subject}: ${source}, ${target}, ${objectClass}`,
      evidence: `${source} may ${permissions.join(", ")} ${objectClass} of ${target}, whatever their categories`,
      ...at(location),
    })),
};
