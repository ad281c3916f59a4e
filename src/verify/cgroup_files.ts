import { readFileSync } from "node:fs";
import type { ProcessCgroupPlan, VmCgroupPlan } from "../plan/index.js";

/** Differences between the limits of a group and its plan. The kernel rounds memory.max down to pages. */
export function compareCgroupFiles(plan: ProcessCgroupPlan | VmCgroupPlan): string[] {
  return Object.entries(plan.files).flatMap(([name, planned]) => {
    const observed = readFileSync(`${plan.path}/${name}`, "utf8").trim();
    return sameLimit(name, planned, observed) ? [] : [`${name}: planned ${planned}, observed ${observed}`];
  });
}

/** x86-64 pages: memory limits are kept in whole ones. */
const PAGE_BYTES = 4096;

/** As the kernel prints it: word by word only where it adds words, or `max 100000` would pass for `100000 100000`. */
function sameLimit(name: string, planned: string, observed: string): boolean {
  if (planned === observed) return true;
  if (name.startsWith("memory.")) return Math.floor(Number(planned) / PAGE_BYTES) * PAGE_BYTES === Number(observed);
  if (name !== "io.max") return false;
  // A line for each device, with all four limits; those not set are `max`.
  const [device, ...limits] = planned.split(" ");
  const line = observed
    .split("\n")
    .map((text) => text.split(" "))
    .find((words) => words[0] === device);
  return line !== undefined && limits.every((limit) => line.includes(limit));
}
