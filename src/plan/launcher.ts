import { LANDLOCK_FS_ACCESS, LANDLOCK_NET_ACCESS, landlockNames } from "../host/index.js";
import { grantedCalls } from "./granted_calls.js";
import type { LandlockPlan, LauncherPlan, VmCgroupPlan } from "./launch_plan.js";
import type { LauncherInputs } from "./plan_inputs.js";

interface LauncherVm {
  readonly vm: string;
  readonly landlockAbi: number;
  readonly cgroup: VmCgroupPlan | null;
  /** Whether the VM has SELinux labels, which are given back. */
  readonly labelled: boolean;
}

/**
 * What the launcher keeps while it supervises. No capability: as the owner of its processes' user namespaces, of their
 * cgroups and of its state it needs none to end them and to clean up. So what its uid, root, may reach by ownership alone
 * is what its filter and its Landlock domain leave.
 */
export function planLauncher(inputs: LauncherInputs, vm: LauncherVm): LauncherPlan {
  const { policy, filter, supervisor } = inputs;
  return {
    capabilities: [],
    noNewPrivs: true,
    seccomp: { ...grantedCalls(policy.seccomp), ...filter },
    landlock: vm.landlockAbi === 0 ? null : planDomain(inputs, vm),
    ...(supervisor === null ? {} : { selinux: { context: supervisor } }),
  };
}

const READ = ["read_file", "read_dir"];
const WRITE = ["write_file", "truncate"];
const REPLACE = ["make_reg", "remove_file"];

/** Its own VM's record and groups, its reservations, the event log; to read, what Node and a death's cause need. */
function planDomain({ places }: LauncherInputs, { vm, landlockAbi, cgroup, labelled }: LauncherVm): LandlockPlan {
  const handledFs = landlockNames(landlockAbi, LANDLOCK_FS_ACCESS);
  const rules = [
    { path: `${places.run}/vms/${vm}`, access: [...READ, ...WRITE, ...REPLACE, "make_sock", "remove_dir"] },
    { path: `${places.run}/vms`, access: ["remove_dir"] },
    { path: `${places.run}/uids`, access: [...READ, "remove_file"] },
    { path: places.log, access: [...WRITE, ...REPLACE] },
    ...(labelled ? labelRules(places) : []),
    ...(cgroup === null ? [] : cgroupRules(cgroup.path)),
    { path: "/proc", access: READ },
    { path: places.installation, access: READ },
    { path: places.cache, access: READ },
  ];
  return {
    abi: landlockAbi,
    handledFs,
    handledNet: landlockNames(landlockAbi, LANDLOCK_NET_ACCESS),
    // Not signals: its processes were started before, and so are outside of its domain.
    scoped: landlockAbi >= SCOPES_ABI ? ["abstract_unix_socket"] : [],
    rules: rules.map(({ path, access }) => ({ path, access: access.filter((name) => handledFs.includes(name)) })),
  };
}

/** The VM's lease of categories, and the journal of labels that are not the files' own. */
function labelRules({ run, lib }: LauncherInputs["places"]): { path: string; access: string[] }[] {
  return [
    { path: `${run}/categories`, access: [...READ, "remove_file"] },
    { path: lib, access: [...READ, ...WRITE, ...REPLACE] },
  ];
}

/** The first ABI with scopes: include/uapi/linux/landlock.h, Linux 6.12. */
const SCOPES_ABI = 6;

function cgroupRules(path: string): { path: string; access: string[] }[] {
  return [
    { path, access: [...READ, ...WRITE, "remove_dir"] },
    // To remove the VM's own group; the kernel removes none that has members.
    { path: path.slice(0, path.lastIndexOf("/")), access: ["remove_dir"] },
  ];
}
