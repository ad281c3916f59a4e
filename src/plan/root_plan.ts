import type { ResolvedPolicy } from "../policy/index.js";
import { INITRD_PATH, KERNEL_PATH } from "./arguments.js";
import type { NodePlan, RootEntry } from "./launch_plan.js";
import type { RoleInputs } from "./plan_inputs.js";

/** Device numbers: Documentation/admin-guide/devices.txt; misc minors of include/linux/miscdevice.h. */
const NODE_NUMBERS = {
  null: { major: 1, minor: 3 },
  zero: { major: 1, minor: 5 },
  urandom: { major: 1, minor: 9 },
  kvm: { major: 10, minor: 232 },
} as const;

const ACCESS_MODE = { r: 0o400, w: 0o200, rw: 0o600 } as const;

/** Nodes of the private /dev, owned by the process's own uid. A VMM under TCG gets no /dev/kvm. */
export function planNodes(policy: ResolvedPolicy, accel: "kvm" | "tcg"): NodePlan[] {
  return policy.nodes
    .filter((node) => node.name !== "kvm" || accel === "kvm")
    .map((node) => ({ name: node.name, ...NODE_NUMBERS[node.name], mode: ACCESS_MODE[node.access] }));
}

/** The mounts of the private root, then every file of it with the host's file it was copied from. */
export function planRoot(
  role: RoleInputs,
  rootsDirectory: string,
  boot: { kernel: string; initrd: string | null } | null,
): RootEntry[] {
  const mounts: RootEntry[] = [
    { target: "/", source: `${rootsDirectory}/${role.inventory.sha256}`, access: "ro", kind: "bind" },
    { target: "/dev", source: "tmpfs", access: "ro", kind: "dev" },
  ];
  if (boot !== null) {
    mounts.push({ target: "/boot", source: "tmpfs", access: "ro", kind: "tmpfs" });
    mounts.push({ target: KERNEL_PATH, source: boot.kernel, access: "ro", kind: "tmpfs" });
    if (boot.initrd !== null) mounts.push({ target: INITRD_PATH, source: boot.initrd, access: "ro", kind: "tmpfs" });
  }
  const files = role.inventory.files.map(
    (file): RootEntry => ({ target: file.target, source: file.source, access: "ro", kind: "bind" }),
  );
  return [...mounts, ...files];
}
