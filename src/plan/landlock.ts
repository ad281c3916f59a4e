import { LANDLOCK_FS_ACCESS, LANDLOCK_NET_ACCESS, LANDLOCK_SCOPES, landlockNames } from "../host/index.js";
import type { LandlockPlan } from "./launch_plan.js";
import type { RoleInputs } from "./plan_inputs.js";

/**
 * Everything is handled, hence refused, but reading and executing the private root's files and the nodes of the role.
 * Directories cannot be listed: the probe before exec relies on that.
 */
export function planLandlock(abi: number, role: RoleInputs, holdsKernel: boolean): LandlockPlan | null {
  if (abi === 0) return null;
  const handledFs = landlockNames(abi, LANDLOCK_FS_ACCESS);
  const linked = new Set(role.inventory.links.map((link) => link.target));
  const tops = new Set(role.inventory.files.map((file) => `/${file.target.split("/")[1] ?? ""}`));
  for (const link of role.inventory.links) tops.add(`/${link.to.split("/")[0] ?? ""}`);
  const directories = [...tops].filter((top) => !linked.has(top)).sort();
  const rules = directories.map((path) => ({ path, access: ["execute", "read_file"] }));
  if (holdsKernel) rules.push({ path: "/boot", access: ["read_file"] });
  for (const node of role.policy.nodes) {
    const access = [...(node.access.includes("w") ? ["write_file"] : []), ...(node.access.includes("r") ? ["read_file"] : [])];
    if (node.name === "kvm" && handledFs.includes("ioctl_dev")) access.push("ioctl_dev");
    rules.push({ path: `/dev/${node.name}`, access });
  }
  return {
    abi,
    handledFs,
    handledNet: landlockNames(abi, LANDLOCK_NET_ACCESS),
    scoped: landlockNames(abi, LANDLOCK_SCOPES),
    rules,
  };
}
