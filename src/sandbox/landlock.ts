import { closeSync } from "node:fs";
import { LANDLOCK_FS_ACCESS, LANDLOCK_NET_ACCESS, LANDLOCK_SCOPES } from "../host/index.js";
import { addon } from "../kernel/index.js";
import type { LandlockPlan } from "../plan/index.js";
import { type ChildMounts, openInMounts } from "./child_mounts.js";

/** The bit of each name is its place in the table; the tables follow include/uapi/linux/landlock.h. */
function bitsOf(names: readonly string[], table: readonly { readonly name: string }[]): bigint {
  return names.reduce((bits, name) => {
    const index = table.findIndex((entry) => entry.name === name);
    if (index < 0) throw new Error(`no Landlock access is named ${name}`);
    return bits | (1n << BigInt(index));
  }, 0n);
}

/** Makes the ruleset of a plan on the inodes of the process's own mounts; returns its fd. */
export function openLandlockRuleset(plan: LandlockPlan, mounts: ChildMounts): number {
  return openRuleset(plan, (path) => openInMounts(mounts, path));
}

/** Makes the ruleset of a plan; `open` gives an fd for the path of a rule, which is closed when the ruleset stands. */
export function openRuleset(plan: LandlockPlan, open: (path: string) => number): number {
  const rules: { fd: number; access: bigint }[] = [];
  try {
    for (const { path, access } of plan.rules) rules.push({ fd: open(path), access: bitsOf(access, LANDLOCK_FS_ACCESS) });
    return addon.makeLandlockRuleset({
      handledFs: bitsOf(plan.handledFs, LANDLOCK_FS_ACCESS),
      handledNet: bitsOf(plan.handledNet, LANDLOCK_NET_ACCESS),
      scoped: bitsOf(plan.scoped, LANDLOCK_SCOPES),
      rules,
    });
  } finally {
    for (const rule of rules) closeSync(rule.fd);
  }
}
