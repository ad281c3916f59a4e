import { HOSTILE_DEVICE_PROGRAM } from "../../kernel/index.js";
import { previewPlan } from "../../machine/index.js";
import type { ProcessPlan } from "../../plan/index.js";
import { makeHostileSpec } from "../hostile/hostile_spec.js";
import type { HostileRequest } from "../hostile/hostile_vm.js";

/** Drawn anew for every plan, and so no difference of what was planned. */
const DRAWN: readonly string[] = ["uid", "gid"];

/**
 * How the plan of a hostile process differs from that of QEMU in its place, as `PATH: QEMU's -> the hostile one's`: the program's
 * file in the private root, and the root's name, which is its content's hash. No process is started.
 */
export async function comparePlans(request: HostileRequest, name: string, role: string): Promise<readonly string[]> {
  const { template, ...rest } = request;
  const runDirectory = request.directories.run;
  const written = await makeHostileSpec({ template, runDirectory }, { name, role, count: 1 });
  try {
    const common = { ...rest, hostConfig: { ...rest.hostConfig, imageRoots: null }, spec: written.spec };
    const own = await previewPlan(common);
    const hostile = await previewPlan({ ...common, standIn: HOSTILE_DEVICE_PROGRAM });
    const find = (processes: readonly ProcessPlan[]) => flatten(processes.find((process) => process.role === role));
    const [before, after] = [find(own.processes), find(hostile.processes)];
    const paths = [...new Set([...before.keys(), ...after.keys()])];
    return paths.flatMap((path) => {
      const [was, is] = [before.get(path) ?? "nothing", after.get(path) ?? "nothing"];
      return was === is ? [] : [`${path}: ${was} -> ${is}`];
    });
  } finally {
    await written.remove();
  }
}

/** Each number, text and truth of a plan by its path; entries of the root by where they stand. */
function flatten(value: unknown, path = "", found = new Map<string, string>()): Map<string, string> {
  if (typeof value !== "object" || value === null) return found.set(path, String(value));
  for (const [key, item] of Object.entries(value)) {
    if (DRAWN.includes(key)) continue;
    const name = isRootEntry(item) ? item.target : key;
    flatten(item, path === "" ? name : `${path}.${name}`, found);
  }
  return found;
}

function isRootEntry(item: unknown): item is { readonly target: string } {
  return typeof item === "object" && item !== null && "target" in item && typeof item.target === "string";
}
